"""Dense relative localization: by hand on a grid of 2×3, and at random on larger ones."""

from typing import Any

import pytest
import torch
from torch import nn

from headstart.errors import HeadstartError
from headstart.methods import DRLoc, resolve_methods

from .drloc_vit import attached, step_of

# A class token, then a grid of 2 rows and 3 columns of width 2; what the MLP makes of a pair can be seen by eye:
# hidden = relu(first token's first number − second token's second one), guess = (hidden, 0.5 − hidden).
SMALL = {"image_size": (8, 12), "pool": "class", "width": 2, "heads": 1, "depth": 1}
TOKENS = torch.tensor([[9.0, 9], [0.1, 0.6], [0.2, 0.5], [0.3, 0.4], [0.4, 0.3], [0.5, 0.2], [0.6, 0.1]])[None]
# Two pairs, (y, x) = (1, 0) with (0, 2) and (1, 2) with (1, 1): positions 3, 2 and 5, 4.
DRAWS = torch.tensor([[0.5, 0.2, 0.49, 0.67, 0.9, 0.99, 0.6, 0.34]])


def small(spec: str) -> DRLoc:
    _, method = attached(f"drloc:pairs=2:hidden=1{spec}", **SMALL)
    with torch.no_grad():
        method.mlp[0].weight.copy_(torch.tensor([[1.0, 0, 0, -1]]))
        method.mlp[0].bias.zero_()
        method.mlp[2].weight.copy_(torch.tensor([[1.0], [-1]]))
        method.mlp[2].bias.copy_(torch.tensor([0, 0.5]))
    return method


def test_positions_are_those_of_the_draws() -> None:
    first, second = small("").drawn(DRAWS)
    assert first.tolist() == [[3, 5]] and second.tolist() == [[2, 4]]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        # hidden = 0.4 − 0.4 = 0 and 0.6 − 0.2 = 0.4: guesses (0, 0.5) and (0.4, 0.1).
        # |Δ| = (1, 2), (0, 1); over (2, 3): (1/2, 2/3), (0, 1/3): wrong by 1/2, 1/6, 0.4, 7/30.
        ("", (1 / 2 + 1 / 6 + 0.4 + 7 / 30) / 4),
        (":normalised=False", (1 + 1.5 + 0.4 + 0.9) / 4),
        # Δ = (1, −2), (0, 1).
        (":target=signed", (1 / 2 + 7 / 6 + 0.4 + 7 / 30) / 4),
        # Δ + k − 1 = (2, 0), (1, 3).
        (":target=signed:normalised=False", (2 + 0.5 + 0.6 + 2.9) / 4),
    ],
)
def test_the_loss_is_the_one_computed_by_hand(spec: str, expected: float) -> None:
    assert small(spec).loss(step_of(TOKENS, DRAWS)).item() == pytest.approx(0.1 * expected, rel=1e-5)
    assert small(f"{spec}:weight=0.5").loss(step_of(TOKENS, DRAWS)).item() == pytest.approx(0.5 * expected, rel=1e-5)


def test_classes_are_signed_offsets_of_both_axes() -> None:
    _, method = attached("drloc:pairs=2:hidden=1:target=classes:weight=1", **SMALL)
    assert method.mlp[2].out_features == 5 + 7
    with torch.no_grad():
        method.mlp[0].weight.zero_()
        method.mlp[2].weight.zero_()
        method.mlp[2].bias.copy_(torch.arange(12.0))
    # Offsets (1, −2) and (0, 1): rows of classes 3 and 2 of 5, columns of classes 1 and 4 of 7, whose logits are
    # 0 … 4 and 5 … 11.
    rows, columns = torch.arange(5.0).logsumexp(0), torch.arange(7.0).logsumexp(0)
    expected = rows - (3 + 2) / 2 + columns - (1 + 4) / 2
    assert method.loss(step_of(TOKENS, DRAWS)).item() == pytest.approx(expected.item(), rel=1e-6)


def test_positions_are_uniform_and_never_outside() -> None:
    _, method = attached("drloc:pairs=500:pool=0", image_size=(20, 12))  # 5 rows, 3 columns
    draws = torch.rand(400, method.draws, generator=torch.Generator().manual_seed(1))
    for drawn in method.drawn(draws):
        shares = torch.bincount(drawn.flatten(), minlength=15) / drawn.numel()
        assert len(shares) == 15 and (shares * 15 - 1).abs().max() < 0.03  # four standard deviations
    first, second = method.drawn(draws)
    assert (first == second).double().mean().item() == pytest.approx(1 / 15, abs=0.003)
    largest = torch.full((1, method.draws), 1 - 2.0**-24)
    for side in range(1, 65):
        assert (largest * torch.tensor(side)).long().max() == side - 1
    assert torch.stack(method.drawn(largest)).unique().tolist() == [14]


@pytest.mark.parametrize(
    ("changes", "spec", "size"),
    [
        ({"image_size": 56}, "drloc", (7, 7)),  # 14×14, as in the paper
        ({"image_size": (56, 16)}, "drloc", (7, 4)),
        ({"image_size": (56, 16)}, "drloc:pool=0", (14, 4)),
        ({"image_size": 32}, "drloc:pool=3", (3, 3)),
    ],
)
def test_pairs_are_drawn_from_the_pooled_grid(changes: dict[str, Any], spec: str, size: tuple[int, int]) -> None:
    _, method = attached(spec, pool="class", registers=2, **changes)
    assert method.size == size and method.prefix == 3
    grid = method.grid
    tokens = torch.randn(2, 3 + grid[0] * grid[1], 24)
    pooled = nn.functional.adaptive_avg_pool2d(tokens[:, 3:].mT.unflatten(2, grid), size).flatten(2).mT
    alone = method.windows
    seen = tokens[:, 3:] if alone is None else alone @ tokens[:, 3:]
    torch.testing.assert_close(seen, pooled)
    # Prefix tokens leave the loss alone; every token of the grid has its part in it.
    tokens.requires_grad_()
    method.loss(step_of(tokens, torch.rand(2, method.draws, generator=torch.Generator().manual_seed(0)))).backward()
    assert tokens.grad is not None and tokens.grad[:, :3].abs().max() == 0
    assert (tokens.grad[:, 3:].abs().sum(dim=(0, 2)) > 0).double().mean() > 0.8


def test_tokens_without_a_norm_are_normalised() -> None:
    tokens, draws = torch.randn(2, 64, 24), torch.rand(2, 256)
    _, mean = attached(pool="mean")
    one, other = (mean.loss(step_of(tokens, draws)).item() for tokens in (tokens, 7 * tokens + 1))
    assert one == pytest.approx(other, rel=1e-4)
    _, token = attached(pool="class")
    assert isinstance(token.norm, nn.Identity)


@pytest.mark.parametrize("spec", ["drloc", "drloc:target=signed", "drloc:target=classes", "drloc:normalised=False"])
def test_gradients_are_right(spec: str) -> None:
    _, method = attached(f"{spec}:pairs=5:hidden=4", image_size=(8, 12))
    method = method.double()
    draws = torch.rand(2, 20)
    tokens = torch.randn(2, 6, 24, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: method.loss(step_of(t, draws)), tokens)


def test_the_loss_of_a_batch_is_the_mean_over_its_images() -> None:
    _, method = attached()
    tokens, draws = torch.randn(6, 64, 24), torch.rand(6, method.draws)
    each = [method.loss(step_of(t[None], d[None])).item() for t, d in zip(tokens, draws, strict=True)]
    assert method.loss(step_of(tokens, draws)).item() == pytest.approx(sum(each) / 6, rel=1e-5)


def test_the_shuffled_control_differs_in_what_is_asked_for_alone() -> None:
    (_, plain), (_, control) = attached("drloc"), attached("drloc:control=shuffled")
    for one, other in zip(plain.parameters(), control.parameters(), strict=True):
        assert torch.equal(one, other)
    draws = torch.rand(2, plain.draws)
    assert torch.equal(torch.stack(plain.drawn(draws)), torch.stack(control.drawn(draws)))
    numbers = control.positions[:, 0] * 7 + control.positions[:, 1]
    assert not torch.equal(plain.positions, control.positions)
    assert sorted(numbers.tolist()) == list(range(49))
    assert torch.equal(control.positions, attached("drloc:control=shuffled")[1].positions)
    assert not torch.equal(control.positions, attached("drloc:control=shuffled", seed=1)[1].positions)
    assert "positions" in control.state_dict()


@pytest.mark.parametrize(
    ("warmup", "shares"),
    [("0.2", {0: 0, 0.1: 0.5, 0.2: 1, 0.6: 0.5, 1: 0}), ("0", {0: 1, 0.5: 0.5, 1: 0})],
)
def test_the_weight_warms_up_and_decays(warmup: str, shares: dict[float, float]) -> None:
    (_, constant), (_, method) = attached(), attached(f"drloc:schedule=warm-decay:warmup={warmup}")
    step = step_of(torch.randn(2, 64, 24), torch.rand(2, method.draws))
    for progress, share in shares.items():
        method.update(progress)
        constant.update(progress)
        assert method.loss(step).item() == pytest.approx(share * constant.loss(step).item(), abs=1e-7)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("drloc:target=absolut", "unknown target of drloc 'absolut': did you mean 'absolute'?"),
        ("drloc:schedule=linear", "unknown schedule of drloc 'linear': Known: constant, warm-decay"),
        ("drloc:control=shuffle", "unknown control of drloc 'shuffle': did you mean 'shuffled'?"),
        ("drloc:pairs=0", "drloc: pairs must be at least 1, got 0"),
        ("drloc:layers=0", "drloc: layers must be at least 1, got 0"),
        ("drloc:pool=-1", "drloc: pool must be at least 0, got -1"),
        ("drloc:weight=-0.5", "drloc: weight must be a number from 0 on, got -0.5"),
        ("drloc:warmup=1", r"drloc: warmup is a share of all steps, in [0, 1), got 1"),
        ("drloc:target=classes:normalised=False", "drloc: classes are not scaled; leave normalised=False out"),
    ],
)
def test_options_that_do_not_suit_are_told(spec: str, message: str) -> None:
    with pytest.raises(HeadstartError) as told:
        resolve_methods([spec])
    assert message in str(told.value)
