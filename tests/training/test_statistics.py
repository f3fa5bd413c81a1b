import math

import pytest

from headstart.training.statistics import mean_and_sd, paired_difference, t_quantile


@pytest.mark.parametrize(("df", "value"), [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (30, 2.042)])
def test_t_quantile_as_in_printed_tables(df: int, value: float) -> None:
    assert t_quantile(0.975, df) == pytest.approx(value, abs=5e-4)


def test_t_quantile_nears_the_normal_one() -> None:
    assert t_quantile(0.975, 1000) == pytest.approx(1.9623, abs=1e-4)


def test_mean_and_sample_deviation() -> None:
    assert mean_and_sd([1.0, 2.0, 3.0]) == (2.0, 1.0)
    assert mean_and_sd([0.4]) == (0.4, None)


def test_paired_difference_by_hand() -> None:
    # Differences 1, 2, 3: mean 2, sd 1, t(2) = 4.303, half width 4.303/√3 = 2.484.
    mean, interval = paired_difference([11.0, 22.0, 33.0], [10.0, 20.0, 30.0])
    assert mean == 2.0
    assert interval == pytest.approx((2 - 4.3027 / math.sqrt(3), 2 + 4.3027 / math.sqrt(3)), abs=1e-4)


def test_one_pair_has_no_interval_and_unequal_lengths_are_refused() -> None:
    assert paired_difference([3.0], [1.0]) == (2.0, None)
    with pytest.raises(ValueError, match="longer"):
        paired_difference([1.0], [1.0, 2.0])
