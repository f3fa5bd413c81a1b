"""How far two feature vectors lie apart: cosine and χ².

Shapes: ``n`` pairs, ``d`` features.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from headstart.errors import HeadstartError, unknown

__all__ = ["DISTANCES", "chi_square", "cosine", "prepared"]


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """1 − a·b / (‖a‖ ‖b‖) of each row, in [0, 2]; 1 where one of the two is nought.

    Args:
        a: (n, d).
        b: (n, d).

    >>> cosine(torch.tensor([[1.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.0, 2.0], [3.0, 3.0]])).round(decimals=3)
    tensor([1., 0.])
    """
    return _cosine(unit(a), unit(b))


def chi_square(a: Tensor, b: Tensor) -> Tensor:
    """Σ_i (a_i − b_i)² / (a_i + b_i) of each row, in [0, 2], after both were made :func:`histograms`.

    A term is 0 where both numbers are.

    Args:
        a: (n, d), of any sign.
        b: (n, d).

    >>> chi_square(torch.tensor([[1.0, 1.0], [5.0, -1.0]]), torch.tensor([[1.0, 0.0], [0.0, 3.0]])).round(decimals=3)
    tensor([0.6670, 2.0000])
    """
    return _chi_square(histograms(a), histograms(b))


def unit(x: Tensor) -> Tensor:
    """Each row divided by its Euclidean norm; a row of noughts stays one."""
    return F.normalize(x.float(), dim=1)


def histograms(x: Tensor) -> Tensor:
    """Each row as χ² needs it: negative numbers set to nought, as ReLU does, then divided by the row's sum.

    Behind a ReLU nothing is cut. What leaves a ViT's block has as many negative numbers as positive ones; half of them
    are lost here, which is why cosine is tried beside it. A row without a positive number becomes one of noughts.
    """
    positive = x.float().clamp_min(0)
    return positive / positive.sum(1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    return 1 - (a * b).sum(1)


def _chi_square(a: Tensor, b: Tensor) -> Tensor:
    total = a + b
    return ((a - b).square() / total.clamp_min(torch.finfo(torch.float32).tiny)).sum(1)


# What is done to each vector once, and what to each pair.
DISTANCES: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]] = {
    "cosine": (unit, _cosine),
    "chi2": (histograms, _chi_square),
}


def prepared(features: Tensor, distance: str) -> tuple[Tensor, Callable[[Tensor, Tensor], Tensor]]:
    """The vectors as the distance needs them, and the distance of rows of such vectors.

    Raises :class:`~headstart.errors.HeadstartError` for an unknown distance, and for features that are not finite
    numbers (n, d).
    """
    if distance not in DISTANCES:
        raise unknown("distance", distance, DISTANCES)
    if features.ndim != 2 or not torch.isfinite(features).all():
        raise HeadstartError(
            f"expected features (n, d) of finite numbers, got {tuple(features.shape)}"
            f"{'' if features.ndim != 2 else ' with some that are not finite: has the training diverged?'}"
        )
    prepare, of_rows = DISTANCES[distance]
    return prepare(features), of_rows
