import numpy as np
import pytest
import torch

from headstart import HeadstartError, create_vit, init_
from headstart.attention import shift_targets
from headstart.initialization.draw import Draw
from headstart.initialization.gradient import PSEUDO_INPUTS, gradient_qk, pseudo_input

GOLDEN = "tests/golden/gradient_6x6_d48_h3_k3_250steps.npz"


def test_product_equals_the_released_code_after_250_steps(request):
    golden = np.load(request.config.rootpath / GOLDEN)
    kappa = torch.tensor(golden["offset_index"])
    targets = shift_targets((6, 6), torch.stack([kappa // 3 - 1, kappa % 3 - 1], -1))
    x = torch.nn.functional.layer_norm(torch.tensor(golden["pos_embed"]).double(), (48,))
    start = torch.tensor(golden["Q0"]), torch.tensor(golden["K0"]).transpose(1, 2)
    q, k = gradient_qk(x, targets, *start, scale=16**-0.5, steps=250)
    ours = q @ k.transpose(1, 2)
    theirs = torch.tensor(golden["Q"]).double() @ torch.tensor(golden["K"]).double()
    error = torch.linalg.matrix_norm(ours - theirs) / torch.linalg.matrix_norm(theirs)
    assert error.max() < 1e-4


@pytest.mark.parametrize("kind", [*PSEUDO_INPUTS, "position+uniform", "position+gaussian", "uniform+gaussian"])
def test_pseudo_inputs_have_the_stated_parts(kind):
    draw = Draw(torch.Generator().manual_seed(0), torch.device("cpu"))
    position = torch.randn(400, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    x = pseudo_input(kind, position, draw)
    assert x.square().mean().sqrt().item() == pytest.approx(2**0.5 if "+" in kind else 1, rel=0.03)
    correlation = (x * position).mean().item()
    assert correlation == pytest.approx(1 if "position" in kind else 0, abs=0.05)


@pytest.mark.filterwarnings("ignore:.*cannot cover")
def test_as_a_scheme_it_raises_the_target_mass_and_repeats_bit_for_bit(seeded):
    models = [create_vit(image_size=16, width=48, depth=1, heads=3, position="sincos") for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    reports = [init_(m, "impulse:solver=gradient:steps=800", generator=seeded()) for m in models]
    assert torch.equal(models[0].blocks[0].attn.qkv.weight, models[1].blocks[0].attn.qkv.weight)
    assert reports[0].target_mass > 0.1  # uniform is 1/16


def test_an_unknown_pseudo_input_says_so():
    with pytest.raises(HeadstartError, match="unknown pseudo-input 'gausian': did you mean 'gaussian'"):
        init_(create_vit(width=48, depth=1, heads=3), "impulse:solver=gradient:pseudo_input=gausian")
