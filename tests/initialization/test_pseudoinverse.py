import numpy as np
import pytest
import torch

from headstart import create_vit, init_
from headstart.attention import shift_targets
from headstart.initialization.draw import Draw
from headstart.initialization.offsets import window
from headstart.initialization.pseudoinverse import GAIN, draw_noise, pseudoinverse_qk

GOLDEN = "tests/golden/pseudoinverse_8x8_d192_h3.npz"


def test_product_equals_the_released_code(request):
    golden = np.load(request.config.rootpath / GOLDEN)
    targets = shift_targets((8, 8), torch.tensor(window(3)[:3]))
    q, k = pseudoinverse_qk(torch.tensor(golden["pos_embed"]), targets, 64, torch.tensor(golden["noise"]))
    ours = q @ k.transpose(1, 2)
    theirs = GAIN**2 * torch.tensor(golden["Q"]).double() @ torch.tensor(golden["K"]).double()
    error = torch.linalg.matrix_norm(ours - theirs) / torch.linalg.matrix_norm(theirs)
    assert error.max() < 1e-3
    assert torch.linalg.matrix_norm(q).tolist() == pytest.approx([GAIN] * 3)


def test_noise_is_a_normal_cut_at_two():
    noise = draw_noise(4, 100, Draw(torch.Generator().manual_seed(0), torch.device("cpu")))
    assert noise.abs().max() <= 2
    assert noise.std().item() == pytest.approx(0.6 * 0.9926, abs=0.01)  # the cut at 3.3 deviations takes 0.7 %
    assert noise.mean().abs() < 0.01


@pytest.mark.filterwarnings("ignore:.*cannot cover")
def test_a_tolerance_cut_makes_it_work_with_a_sincos_embedding(seeded):
    """Released, this case attends uniformly: mass 1/64 = 0.016."""
    report = init_(create_vit("tiny", depth=2, position="sincos"), "impulse:solver=pseudoinverse", generator=seeded())
    assert min(h.target_mass for h in report.heads) > 0.7
    assert [h.offset for h in report.heads[:3]] == [(0, 0), (-1, 0), (0, 1)]


@pytest.mark.filterwarnings("ignore:.*cannot cover")
def test_a_learned_embedding_is_rescaled_and_doing_it_twice_changes_no_scale(seeded):
    model = create_vit("tiny", depth=1)
    before = model.pos_embed.detach().clone()
    for _ in range(2):
        init_(model, "impulse:solver=pseudoinverse", generator=seeded())
        torch.testing.assert_close(model.pos_embed.detach() / before, torch.full_like(before, 18.0), rtol=0.02, atol=0)


@pytest.mark.filterwarnings("ignore:.*cannot cover")
def test_a_sharpness_replaces_the_released_gain(seeded):
    report = init_(create_vit("tiny", depth=2), "impulse:solver=pseudoinverse:sharpness=0.6", generator=seeded())
    assert [h.target_mass for h in report.heads] == pytest.approx([0.6] * 6, abs=0.02)
