"""The search for equal speed, with speeds that are known, and with the clock."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from headstart.training.equal_speed import as_fast_as, scaled, time_together


class Work(nn.Module):
    """As slow as its number of tokens behind the first place says."""

    def __init__(self, shares: list[float]) -> None:
        super().__init__()
        self.shares = shares


@pytest.mark.parametrize("wanted", [1, 7, 40, 63, 64])
def test_it_finds_the_number_of_tokens(wanted: int) -> None:
    tried = []

    def measure(reference: nn.Module, rivals: list[nn.Module]) -> list[float]:
        assert reference is known
        tried.append(len(rivals))
        return [wanted / (64 * rival.shares[0]) for rival in rivals]

    known = nn.Identity()
    shares = as_fast_as(known, Work, [0.5, 0.25], 64, (3, 8, 8), 4, measure)
    assert shares == scaled([0.5, 0.25], wanted, 64) and shares[0] * 64 == wanted
    assert tried == [1] * 6 + [min(64, wanted + 2) - max(1, wanted - 1) + 1]


def test_a_rival_that_is_slow_with_one_token_keeps_one_and_a_fast_one_all() -> None:
    for fast, count in ((0.1, 1), (100.0, 16)):

        def measure(_reference: nn.Module, rivals: list[nn.Module], fast: float = fast) -> list[float]:
            return [fast / (1 + rival.shares[0]) for rival in rivals]

        assert as_fast_as(nn.Identity(), Work, [0.5], 16, (3, 8, 8), 4, measure) == [count / 16]


def test_a_bisection_led_astray_by_one_is_put_right() -> None:
    calls = 0

    def measure(_reference: nn.Module, rivals: list[nn.Module]) -> list[float]:
        nonlocal calls
        calls += 1
        # The first look at 9 of 16 tokens is disturbed.
        return [0.9 if calls == 1 else 9 / (16 * rival.shares[0]) for rival in rivals]

    assert as_fast_as(nn.Identity(), Work, [0.5], 16, (3, 8, 8), 4, measure) == [9 / 16]


def test_shares_stay_in_proportion_and_never_rise() -> None:
    assert scaled([0.5, 0.25], 64, 64) == [1.0, 0.5]
    assert scaled([0.5, 0.25], 1, 64) == [1 / 64, 1 / 64]
    assert scaled([0.5, 0.5, 0.25], 10, 16) == [10 / 16, 10 / 16, 5 / 16]


def test_models_are_timed_in_orders_that_change() -> None:
    calls: list[int] = []

    class Called(nn.Module):
        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            calls.append(self.number)
            return x

    state = torch.get_rng_state()
    timings = time_together({str(n): Called(n) for n in range(4)}, (3, 4, 4), 2, seconds=0.01)
    assert torch.equal(torch.get_rng_state(), state)
    lengths = {len(timing.seconds) for timing in timings.values()}
    assert list(timings) == ["0", "1", "2", "3"] and len(lengths) == 1 and min(lengths) >= 8
    before = {previous for previous, number in pairwise(calls) if number == 1}
    assert len(before) > 2
    assert timings["0"].times_as_fast_as(timings["0"]) == 1.0 and timings["0"].batch_size == 2
