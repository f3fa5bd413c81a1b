import math
from typing import Any

import pytest
import torch
from torch import nn

from headstart.errors import HeadstartError
from headstart.models import filter_bank, filter_ranks, rank_of
from headstart.models.filters import FILTERS


def bank(kind: str, channels: int = 4000, kernel: int = 5, **options: Any) -> torch.Tensor:
    return filter_bank(kind, channels, kernel, generator=torch.Generator().manual_seed(0), **options)


@pytest.mark.parametrize("kernel", [3, 5, 8])
@pytest.mark.parametrize("kind", FILTERS)
def test_every_bank_has_the_energy_of_the_usual_start(kind: str, kernel: int) -> None:
    drawn = bank(kind, kernel=kernel)
    energy = drawn.square().flatten(1).sum(dim=1)
    assert drawn.shape == (4000, 1, kernel, kernel)
    assert energy.mean().item() == pytest.approx(1 / 3, rel=0.01)
    if kind in ("impulse", "box"):
        torch.testing.assert_close(energy, torch.full_like(energy, 1 / 3))


def test_random_filters_are_those_of_torch() -> None:
    conv, ours = nn.Conv2d(4000, 4000, 5, groups=4000), bank("random")
    assert ours.abs().max() <= 1 / 5 and ours.std().item() == pytest.approx(conv.weight.std().item(), rel=0.01)


def test_impulses_are_single_taps_drawn_evenly() -> None:
    taps = bank("impulse").flatten(1)
    assert torch.equal((taps != 0).sum(dim=1), torch.ones(4000, dtype=torch.int64))
    assert taps.max().item() == pytest.approx(math.sqrt(1 / 3))
    counts = (taps != 0).sum(dim=0)
    assert counts.min() > 110 and counts.max() < 210  # 160 expected, standard deviation 12.4


def test_boxes_are_plain_means_or_as_many_taps_as_asked() -> None:
    torch.testing.assert_close(bank("box", kernel=3), torch.full((4000, 1, 3, 3), math.sqrt(1 / 27)))
    seven = bank("box", taps=7).flatten(1)
    assert torch.equal((seven != 0).sum(dim=1), torch.full((4000,), 7))
    torch.testing.assert_close(seven[seven != 0], torch.full((7 * 4000,), math.sqrt(1 / 21)))
    assert torch.equal(bank("box", taps=1), bank("impulse"))


def test_gaussians_have_their_centre_and_variance() -> None:
    one = bank("gaussian", channels=1, variance=2.0)[0, 0]
    row, column = divmod(int(one.argmax()), 5)
    y, x = torch.meshgrid(torch.arange(5), torch.arange(5), indexing="ij")
    shape = torch.exp(-((y - row) ** 2 + (x - column) ** 2) / 4.0)
    torch.testing.assert_close(one, shape * math.sqrt(1 / 3 / shape.square().sum().item()))
    assert rank_of(bank("gaussian")).directions == 25


def test_the_generator_alone_decides() -> None:
    before = torch.get_rng_state()
    assert all(torch.equal(bank(kind), bank(kind)) for kind in FILTERS)
    assert torch.equal(torch.get_rng_state(), before)


def test_ranks_computed_by_hand() -> None:
    # singular values √2 (two equal rows) and 2
    found = rank_of(torch.tensor([[1.0, 0, 0, 0], [1, 0, 0, 0], [0, -2, 0, 0], [0, 0, 0, 0]]))
    p = math.sqrt(2) / (2 + math.sqrt(2))
    assert (found.size, found.rank, found.directions) == (4, 2, 2)
    assert found.stable == pytest.approx((2 + 4) / 4)
    assert found.effective == pytest.approx(math.exp(-p * math.log(p) - (1 - p) * math.log(1 - p)))
    assert rank_of(torch.tensor([[1.0, 2.0], [-2.0, -4.0], [1.0, 1.0]])).directions == 2
    assert found.to_dict()["rank"] == 2


@pytest.mark.parametrize(
    ("kind", "options", "rank"),
    [("random", {}, 25), ("impulse", {}, 25), ("box", {}, 1), ("box", {"taps": 9}, 25), ("gaussian", {}, 25)],
)
def test_what_banks_span(kind: str, options: dict[str, Any], rank: int) -> None:
    assert rank_of(bank(kind, channels=400, **options)).rank == rank


def test_few_impulses_span_as_much_as_there_are_different_ones() -> None:
    few = bank("impulse", channels=20)
    different = len(few.flatten(1).argmax(dim=1).unique())
    assert different < 20 and rank_of(few).rank == rank_of(few).directions == different
    assert rank_of(bank("random", channels=20)).rank == 20


def test_a_pointwise_layer_makes_any_filters_of_the_span_of_the_bank() -> None:
    # one map in all channels (m = 1): C ≥ k² random filters give any filter, equal boxes only themselves
    wanted = torch.randn(3, 9, dtype=torch.float64)
    for kind, error in (("random", 0.0), ("impulse", 0.0), ("box", None)):
        drawn = bank(kind, channels=60, kernel=3).flatten(1).double()
        mixed = torch.linalg.lstsq(drawn.T, wanted.T, driver="gelsd").solution.T @ drawn
        if error is None:
            torch.testing.assert_close(mixed, wanted.mean(dim=1, keepdim=True).expand(3, 9))
        else:
            torch.testing.assert_close(mixed, wanted)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("impuls", 4, 3), "unknown filters 'impuls': did you mean 'impulse'"),
        (("random", 0, 3), "at least one channel and one tap; got 0 channels, kernel 3"),
        (("box", 4, 3, 10), r"taps is for filters=box, from 1 to kernel² = 9; got taps=10 with filters=box"),
        (("impulse", 4, 3, 2), "got taps=2 with filters=impulse"),
        (("gaussian", 4, 3, None, 0.0), "variance of Gaussian filters must be above 0 cells², got 0.0"),
    ],
)
def test_bad_numbers_are_told(arguments: tuple[Any, ...], message: str) -> None:
    kind, channels, kernel, taps, variance = (*arguments, *(None, 1.0)[len(arguments) - 3 :])
    with pytest.raises(HeadstartError, match=message):
        filter_bank(kind, channels, kernel, taps=taps, variance=variance)


def test_what_has_no_rank_is_told() -> None:
    with pytest.raises(HeadstartError, match=r"expected filters of shape \(C, 1, k, k\) or \(C, k²\), got \(3,\)"):
        rank_of(torch.ones(3))
    for nothing in (torch.zeros(2, 9), torch.full((2, 9), math.nan)):
        with pytest.raises(HeadstartError, match="must be finite numbers and not all 0"):
            rank_of(nothing)
    with pytest.raises(HeadstartError, match=r"expected a ConvMixer.*Linear has none"):
        filter_ranks(nn.Linear(2, 2))
