"""Cosine and χ² by hand, and what they make of negative numbers."""

import pytest
import torch

from headstart.errors import HeadstartError
from headstart.evaluation.verification import DISTANCES, chi_square, cosine
from headstart.evaluation.verification.distances import prepared


def rows(*values: list[float]) -> torch.Tensor:
    return torch.tensor(values)


def test_cosine_by_hand() -> None:
    found = cosine(rows([3, 4], [1, 0], [1, 2], [0, 0]), rows([4, 3], [-2, 0], [2, 4], [1, 1]))
    # 1 − 24/25; opposite; the same direction; nought against something.
    torch.testing.assert_close(found, torch.tensor([0.04, 2.0, 0.0, 1.0]))


def test_chi_square_by_hand() -> None:
    found = chi_square(rows([1, 3], [2, 2], [1, 0], [0, 0]), rows([3, 1], [5, 5], [0, 1], [0, 1]))
    # (1/4, 3/4) and (3/4, 1/4): 2 · (1/2)² / 1; equal shares; nothing in common; nought against (0, 1).
    torch.testing.assert_close(found, torch.tensor([0.5, 0.0, 2.0, 1.0]))


def test_negative_numbers_are_noughts_to_chi_square() -> None:
    a, b = rows([1.0, -5.0, 3.0]), rows([3.0, -0.1, 1.0])
    torch.testing.assert_close(chi_square(a, b), chi_square(a.clamp_min(0), b.clamp_min(0)))
    torch.testing.assert_close(chi_square(a, b), torch.tensor([0.5]))


@pytest.mark.parametrize("name", DISTANCES)
def test_lengths_do_not_matter_and_order_neither(name: str) -> None:
    a, b = torch.randn(2, 6, 9, generator=torch.Generator().manual_seed(1))
    distance = {"cosine": cosine, "chi2": chi_square}[name]
    torch.testing.assert_close(distance(3 * a, b), distance(a, b))
    torch.testing.assert_close(distance(a, b), distance(b, a))
    assert distance(a, a).abs().max() < 1e-6


def test_unknown_distances_and_bad_features_are_told() -> None:
    with pytest.raises(HeadstartError, match="unknown distance 'chi': did you mean 'chi2'"):
        prepared(torch.zeros(2, 2), "chi")
    with pytest.raises(HeadstartError, match=r"got \(2, 2\) with some that are not finite: has the training diverged"):
        prepared(torch.full((2, 2), torch.nan), "cosine")
    with pytest.raises(HeadstartError, match=r"expected features \(n, d\) of finite numbers, got \(2, 2, 2\)"):
        prepared(torch.zeros(2, 2, 2), "cosine")
