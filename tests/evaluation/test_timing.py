import math

import numpy as np
import pytest
import torch

from headstart.errors import HeadstartError
from headstart.evaluation import Timing
from headstart.evaluation.timing import images_to_time


def test_percentiles_are_numpys() -> None:
    seconds = tuple(torch.rand(37, generator=torch.Generator().manual_seed(0)).tolist())
    timing = Timing(4, seconds)
    for percentile in (0, 50, 90, 99, 100):
        assert timing.milliseconds(percentile) == pytest.approx(1e3 * np.percentile(seconds, percentile))
    assert Timing(4, (0.5,)).milliseconds(99) == 500.0


def test_images_a_second_are_of_the_median_pass() -> None:
    assert Timing(4, (1.0, 1.0, 10.0)).images_per_second == 4.0


def test_what_was_not_timed_has_no_numbers() -> None:
    timing = Timing(64, (), note="out of memory")
    assert math.isnan(timing.images_per_second)
    row = timing.as_json()
    assert row["images_per_second"] is None
    assert row["milliseconds"] == {"p50": None, "p90": None, "p99": None}
    assert row["note"] == "out of memory"


def test_ratios_are_of_the_same_rounds() -> None:
    # The machine was ten times slower in the second round: the ratio of medians would be 10.
    one, other = Timing(2, (1.0, 10.0, 1.0)), Timing(2, (2.0, 20.0, 20.0))
    assert one.times_as_fast_as(other) == 2.0
    assert Timing(4, (1.0,)).times_as_fast_as(Timing(2, (1.0,))) == 2.0
    with pytest.raises(HeadstartError, match="got 3 and 1 of them; time both in one call of side_by_side"):
        one.times_as_fast_as(Timing(2, (1.0,)))


def test_the_images_are_always_the_same() -> None:
    cpu = torch.device("cpu")
    assert torch.equal(images_to_time(2, (3, 4, 4), cpu), images_to_time(2, (3, 4, 4), cpu))
