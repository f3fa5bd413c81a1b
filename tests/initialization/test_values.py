import math

import pytest
import torch

from headstart import HeadstartError, Impulse, attention_view, create_vit, init_
from headstart.initialization.draw import Draw
from headstart.initialization.values import balanced_values, content_std, contrast_values

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
    with pytest.raises(
        HeadstartError, match=r"balanced values need heads × head dim ≤ width, got 4 × 16 > 48; use value='mimetic'"
    ):
        balanced_values(48, 4, 16, 1.0, draw())


def test_contrast_heads_take_a_share_of_what_they_read_and_together_of_all():
    v, o = contrast_values(96, 3, 32, 0.3, draw())
    torch.testing.assert_close(sum(v[h] @ o[h] for h in range(3)), -0.3 * torch.eye(96, dtype=torch.float64))
    for h in range(3):
        values = torch.linalg.eigvalsh(v[h] @ o[h])
        torch.testing.assert_close(values[:32], torch.full((32,), -0.3, dtype=torch.float64))
        assert values[32:].abs().max() < 1e-9


# (lowest, highest) that the gain may have: balanced stays at √2 to first order; contrast lowers what neighbours share.
BANDS = {"balanced": (0.7, 2.0), "contrast": (0.1, 3.0)}


@pytest.mark.parametrize("depth", [4, 12, 24])
@pytest.mark.parametrize("value", BANDS)
@pytest.mark.parametrize("calibrated", [True, False])
def test_the_gain_of_every_frequency_stays_in_one_band_at_any_depth(depth, value, calibrated, images, seeded):
    model = create_vit(width=96, depth=depth, heads=3)
    report = init_(
        model, Impulse(sharpness=0.8, value=value), images=images if calibrated else None, generator=seeded()
    )
    low, high = BANDS[value]
    assert low < report.gain[0] < report.gain[1] < high
    assert not any("multiplies spatial frequencies" in note for note in report.notes)


def test_minus_identity_with_shifted_heads_is_reported_as_a_high_pass_filter(seeded):
    """1 − 0.4·e^{iωδ} per block: 0.6 at the lowest frequency, 1.4 at the highest, where heads are all shift."""
    model = create_vit(width=48, depth=48, heads=3)
    scheme = Impulse(sharpness=0.95, value="mimetic", position_std=0.36)  # a larger position takes content's share
    with pytest.warns(UserWarning) as caught:
        report = init_(model, scheme, generator=seeded())
    assert report.gain[1] / report.gain[0] > 10
    assert any("multiplies spatial frequencies by" in str(w.message) for w in caught)
    assert any("value='balanced' keeps this near one" in note for note in report.notes)


def test_a_fixed_embeddings_directions_are_kept_for_position(images, seeded):
    model = create_vit(width=96, depth=4, heads=3, position="sincos")
    init_(model, Impulse(), generator=seeded())
    view = attention_view(model)
    table = model.pos_embed.detach()[0]
    _, s, directions = torch.linalg.svd(table - table.mean(0), full_matrices=False)
    reserved = directions[s > 1e-4 * s[0]]
    streams = []
    for block in model.blocks:
        block.register_forward_pre_hook(lambda _module, args: streams.append(args[0]))
    view.visit(images, lambda *_: None, last=streams.append)
    assert len(streams) == 5
    for stream in streams:  # from the first block to the last, every image shows the table there, and nothing else
        torch.testing.assert_close(
            stream @ reserved.T, (table @ reserved.T).expand(len(images), -1, -1), atol=1e-3, rtol=0
        )


def test_content_std_is_the_streams(seeded):
    model = create_vit("tiny", depth=1, patch_size=2)
    images = torch.randn(32, 3, 32, 32, generator=seeded())
    seen = []
    attention_view(model).visit(images, lambda *_: None, first=lambda x: seen.append(x.square().mean().sqrt().item()))
    assert content_std(attention_view(model)) == pytest.approx(seen[0], rel=0.05)


@pytest.mark.parametrize(("weights", "size"), [(1 / math.sqrt(3 * 48), 0.7), (0.06, 0.52), (0.02, 0.36), (1.0, 0.7)])
def test_position_is_written_as_large_as_the_content_beside_it_asks(weights, size, seeded):
    """48 weights for each channel: content of √48 times theirs, 1.25 times as much, between the bounds."""
    model = create_vit(width=48, depth=1, heads=3)
    torch.nn.init.normal_(model.patch_embed.proj.weight, std=weights, generator=seeded())
    with pytest.warns(UserWarning, match="cannot cover"):
        init_(model, Impulse(), generator=seeded())
    assert model.pos_embed.detach().square().mean().sqrt() == pytest.approx(size, rel=0.02)


@pytest.mark.parametrize("size", [-1, 0.0, "large", math.inf, math.nan])
def test_a_position_of_no_size_is_refused(size):
    with pytest.raises(HeadstartError, match=f"^expected position_std above 0 and finite, got {size!r}: 0.36"):
        Impulse(position_std=size)


def test_content_is_lowered_beside_a_fixed_table_that_is_decoded(images, seeded):
    sizes = {}
    for solver in ("rotation", "decoder"):
        torch.manual_seed(0)
        model = create_vit(width=96, depth=2, heads=3, position="sincos")
        init_(model, Impulse(solver=solver), images=images, generator=seeded())
        sizes[solver] = model.patch_embed.proj.weight.square().flatten(1).sum(1).mean().sqrt().item()
    table = model.pos_embed.square().mean().sqrt().item()
    assert sizes["decoder"] == pytest.approx(0.4 * table, rel=0.01) and sizes["rotation"] > 0.5 * table
