"""Error rates by hand, and what cannot be told from few pairs."""

import pytest
import torch

from headstart.errors import HeadstartError
from headstart.evaluation.verification import det_curve, equal_error_rate, frr_at_far, measure


def scores(genuine: list[float], impostor: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(genuine + impostor), torch.tensor([True] * len(genuine) + [False] * len(impostor))


def test_the_curve_by_hand() -> None:
    curve = det_curve(*scores([0.9, 0.8, 0.4], [0.7, 0.3, 0.2, 0.1]))
    assert curve.threshold.tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.7, 0.8, 0.9, float("inf")])
    assert curve.far.tolist() == [1, 0.75, 0.5, 0.25, 0.25, 0, 0, 0]
    assert curve.frr.tolist() == pytest.approx([0, 0, 0, 0, 1 / 3, 1 / 3, 2 / 3, 1])
    assert (curve.genuine, curve.impostor) == (3, 4)


def test_the_equal_error_rate_by_hand() -> None:
    # Between (FAR, FRR) = (1/4, 0) and (1/4, 1/3) the rates meet at 1/4.
    assert equal_error_rate(det_curve(*scores([0.9, 0.8, 0.4], [0.7, 0.3, 0.2, 0.1]))) == pytest.approx(0.25)
    # Between (1, 0) and (0, 1), one threshold for all, they meet half-way.
    assert equal_error_rate(det_curve(*scores([0.5, 0.5], [0.5]))) == pytest.approx(0.5)
    # From (1/2, 0) at 2 to (0, 1/3) at 3, one step: d = 1/2, then −1/3: 3/5 of the way, at 1/2 − 3/10.
    assert equal_error_rate(det_curve(*scores([2, 3, 3], [1, 2]))) == pytest.approx(0.2)
    assert equal_error_rate(det_curve(*scores([2, 3], [0, 1]))) == 0
    assert equal_error_rate(det_curve(*scores([0, 1], [2, 3]))) == 1


def test_normal_scores_have_the_rate_of_the_formula() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(200_000, generator=generator)
    genuine = torch.arange(200_000) < 100_000
    # Means 2 apart, deviation 1: EER = Φ(−1).
    found = equal_error_rate(det_curve(noise + 2 * genuine, genuine))
    assert found == pytest.approx(0.1587, abs=0.002)


def test_false_rejects_at_a_false_accept_rate_by_hand() -> None:
    impostor = [float(k) for k in range(1000)]
    curve = det_curve(*scores([500.0, 989.0, 990.0, 1500.0], impostor))
    # Ten impostors, 990 to 999, are one in a hundred: the threshold is 990, and two genuine pairs lie below.
    assert frr_at_far(curve, 0.01) == 0.5
    assert frr_at_far(curve, 0.5) == 0.0


def test_nothing_is_told_from_too_few_impostor_pairs() -> None:
    curve = det_curve(*scores([1.0], [0.0] * 999))
    message = r"rate of 0.01 cannot be told from 999 impostor pairs: it takes 1000 or more, so that 10 false accepts"
    with pytest.raises(HeadstartError, match=message):
        frr_at_far(curve, 0.01)
    found = measure(*scores([1.0], [0.0] * 1000))
    assert found.frr == {0.01: 0.0, 0.001: None}
    assert measure(*scores([1.0], [0.0] * 10_000)).frr == {0.01: 0.0, 0.001: 0.0}


def test_rates_and_scores_out_of_range_are_told() -> None:
    curve = det_curve(*scores([1.0], [0.0]))
    with pytest.raises(HeadstartError, match="a false-accept rate between 0 and 1, got 1"):
        frr_at_far(curve, 1)
    with pytest.raises(HeadstartError, match="pairs of both kinds, got 2 genuine and 0 impostor"):
        det_curve(*scores([1.0, 2.0], []))
    with pytest.raises(HeadstartError, match="expected finite scores"):
        det_curve(*scores([float("nan")], [0.0]))
    with pytest.raises(HeadstartError, match="a mark for each"):
        det_curve(torch.zeros(3), torch.ones(2, dtype=torch.bool))
