"""Fusion of scores: the optimum of its likelihood, on strangers only."""

import sys

import pytest
import torch

from headstart.errors import HeadstartError
from headstart.evaluation.verification import det_curve, equal_error_rate, fit_fusion

GROUPS = {"learned_on": "ab", "used_on": "cd"}


def drawn(seed: int, genuine: int = 3000, impostor: int = 9000) -> tuple[torch.Tensor, torch.Tensor]:
    """Two independent scores, N(0, 1) of impostors and N(1, 1) of genuine pairs."""
    marks = torch.arange(genuine + impostor) < genuine
    noise = torch.randn(len(marks), 2, generator=torch.Generator().manual_seed(seed))
    return noise + marks[:, None], marks


def test_it_is_the_log_likelihood_ratio_of_normal_scores() -> None:
    # ln N(s; 1, 1)/N(s; 0, 1) = s − 1/2 for each score: weights 1 and 1, offset −1, whatever the numbers of pairs.
    fusion = fit_fusion(*drawn(0), **GROUPS)
    assert fusion.weights == pytest.approx((1, 1), abs=0.08)
    assert fusion.offset == pytest.approx(-1, abs=0.08)


def test_two_independent_scores_are_better_than_one() -> None:
    fusion = fit_fusion(*drawn(0), **GROUPS)
    scores, marks = drawn(1)
    single = equal_error_rate(det_curve(scores[:, 0], marks))
    fused = equal_error_rate(det_curve(fusion(scores), marks))
    assert single == pytest.approx(0.3085, abs=0.02) and fused == pytest.approx(0.2398, abs=0.02)


def test_scales_do_not_matter_and_gradients_are_nought() -> None:
    scores, marks = drawn(2)
    stretched = scores * torch.tensor([1e-3, 50.0]) + torch.tensor([7.0, -2.0])
    one, other = fit_fusion(scores, marks, **GROUPS)(scores), fit_fusion(stretched, marks, **GROUPS)(stretched)
    torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)
    # At the optimum the balanced residuals sum to nought, and so do they against each score.
    weight = torch.where(marks, 1 / marks.sum(), 1 / (~marks).sum()).double()
    residual = weight * (torch.sigmoid(one) - marks.double())
    assert residual.sum().abs() < 1e-3 and (residual @ scores.double()).abs().max() < 1e-3


def test_a_fusion_of_the_identities_that_it_is_tested_on_is_refused() -> None:
    with pytest.raises(HeadstartError, match="identity 'b' is in fusion's development and in test"):
        fit_fusion(*drawn(0), learned_on="ab", used_on="bc")


def test_scores_that_teach_nothing_are_told() -> None:
    scores, marks = drawn(0)
    with pytest.raises(HeadstartError, match="score 1 of the fusion is the same for all pairs; leave it out"):
        fit_fusion(scores * torch.tensor([1.0, 0.0]), marks, **GROUPS)
    with pytest.raises(HeadstartError, match="pairs of both kinds"):
        fit_fusion(scores, torch.ones_like(marks), **GROUPS)
    with pytest.raises(HeadstartError, match=r"expected finite scores \(n, K\) and n marks"):
        fit_fusion(scores[:5], marks, **GROUPS)
    with pytest.raises(HeadstartError, match=r"learned on 2 scores a pair; got \(4, 3\)"):
        fit_fusion(scores, marks, **GROUPS)(torch.zeros(4, 3))


def test_a_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(HeadstartError, match=r'fusion needs scikit-learn; pip install "headstart\[verification\]"'):
        fit_fusion(*drawn(0), **GROUPS)
