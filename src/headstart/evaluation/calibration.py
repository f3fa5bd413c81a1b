"""Calibration: whether a model is right as often as it says it is."""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.errors import HeadstartError

__all__ = ["expected_calibration_error"]


def expected_calibration_error(confidence: Tensor, correct: Tensor, bins: int = 15) -> float:
    """ECE = Σ_b (n_b / n) · |acc_b − conf_b| over bins of equal width (1706.04599).

    n_b images have a confidence in ((b − 1)/bins, b/bins]; acc_b is the share of them that is right, conf_b their mean
    confidence. Bins without images count nothing.

    Args:
        confidence: the largest probability for each image, (n,), in [0, 1].
        correct: whether the class with it is the label, bool (n,).
        bins: how many.

    Returns:
        From 0, said and right equally often, to 1.

    Raises:
        HeadstartError: if there are no images, the lengths differ, or a confidence is no probability.

    >>> expected_calibration_error(torch.tensor([0.75, 0.75, 1.0, 1.0]), torch.tensor([True, False, True, True]))
    0.125
    """
    if confidence.ndim != 1 or confidence.shape != correct.shape or not len(confidence):
        raise HeadstartError(
            f"expected a confidence and a correct or not for each of one or more images, got shapes "
            f"{tuple(confidence.shape)} and {tuple(correct.shape)}."
        )
    said, right = confidence.detach().double().cpu(), correct.cpu().double()
    if not bool(((said >= 0) & (said <= 1 + 1e-6)).all()):
        raise HeadstartError(
            f"expected confidences from 0 to 1, got {said.min():.3g} to {said.max():.3g}: take the softmax of logits."
        )
    place = (said * bins).ceil().long().clamp(1, bins) - 1
    # n_b cancels: (n_b / n) · |Σ right / n_b − Σ said / n_b|.
    gaps = torch.zeros(bins, dtype=torch.float64).index_add_(0, place, right - said)
    return float(gaps.abs().sum() / len(said))
