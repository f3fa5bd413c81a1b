import math

import pytest
import torch

from headstart import HeadstartError, Impulse, attention_view, create_vit, init_
from headstart.initialization.draw import Draw
from headstart.initialization.values import balanced_values, content_std

CPU = torch.device("cpu")


def draw(seed=0):
    return Draw(torch.Generator().manual_seed(seed), CPU)


def test_balanced_heads_turn_and_do_not_stretch():
    v, o = balanced_values(96, 3, 32, 0.5, draw())
    for h in range(3):
        turn = v[h] @ o[h]
        torch.testing.assert_close(turn, -turn.T)
        torch.testing.assert_close(torch.linalg.svdvals(turn)[:32], torch.full((32,), 0.5, dtype=torch.float64))
    x = torch.randn(50, 96, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    branch = sum(x @ v[h] @ o[h] for h in range(3))
    torch.testing.assert_close((x + branch).norm(dim=1) / x.norm(dim=1), torch.full((50,), math.sqrt(1.25)).double())


@pytest.mark.parametrize("head_dim", [7, 8])
def test_an_odd_head_dim_leaves_one_channel_still(head_dim):
    v, o = balanced_values(48, 4, head_dim, 1.0, draw())
    rank = sum(int(torch.linalg.matrix_rank(v[h] @ o[h])) for h in range(4))
    assert rank == 4 * 2 * (head_dim // 2)


def test_attention_wider_than_the_stream_says_so():
    with pytest.raises(HeadstartError, match=r"balanced values need heads × head dim ≤ width, got 4 × 16 > 48"):
        balanced_values(48, 4, 16, 1.0, draw())


@pytest.mark.parametrize("depth", [4, 12, 24])
@pytest.mark.parametrize("calibrated", [True, False])
def test_balanced_keeps_every_frequencys_gain_near_one_at_any_depth(depth, calibrated, images, seeded):
    model = create_vit(width=96, depth=depth, heads=3)
    with pytest.warns(UserWarning, match="cannot cover"):
        report = init_(model, Impulse(sharpness=0.8), images=images if calibrated else None, generator=seeded())
    assert 0.7 < report.gain[0] < report.gain[1] < 2.0
    assert not any("multiplies spatial frequencies" in note for note in report.notes)


def test_minus_identity_with_shifted_heads_is_reported_as_a_high_pass_filter(images, seeded):
    """0.6 per block at the lowest frequency, 1.4 at the highest, where heads are all shift (1 − 0.4·e^{iωδ})."""
    model = create_vit(width=96, depth=24, heads=3)
    with pytest.warns(UserWarning, match=r"multiplies spatial frequencies by .*; value='balanced' keeps this near one"):
        report = init_(model, Impulse(sharpness=0.9, value="mimetic"), images=images, generator=seeded())
    assert report.gain[1] / report.gain[0] > 10


def test_content_std_is_the_streams(seeded):
    model = create_vit("tiny", depth=1, patch_size=2)
    images = torch.randn(32, 3, 32, 32, generator=seeded())
    seen = []
    attention_view(model).visit(images, lambda i, block, stream: seen.append(stream.square().mean().sqrt().item()))
    assert content_std(attention_view(model)) == pytest.approx(seen[0], rel=0.05)
