"""Error rates of verification: the DET curve, the equal error rate, and what is refused at a fixed false-accept rate.

Scores are similarities: higher is more alike, and a pair is accepted when its score is ``t`` or more.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from headstart.errors import HeadstartError

__all__ = ["FEWEST", "DetCurve", "Verification", "det_curve", "equal_error_rate", "frr_at_far", "measure"]

FEWEST = 10  # false accepts below which a false-accept rate is not told


@dataclass(frozen=True)
class DetCurve:
    """All error rates that a threshold can give, float64 (m,), thresholds ascending, the last one infinite.

    Args:
        threshold: t, each score that occurs, then ∞.
        far: false-accept rate, the share of impostor pairs with score ≥ t; falls from 1 to 0.
        frr: false-reject rate, the share of genuine pairs with score < t; rises from 0 to 1.
        genuine: number of genuine pairs.
        impostor: number of impostor pairs.
    """

    threshold: Tensor
    far: Tensor
    frr: Tensor
    genuine: int
    impostor: int


@dataclass(frozen=True)
class Verification:
    """What is told of a set of scores; rates are shares.

    Args:
        eer: equal error rate.
        frr: false-reject rate at false-accept rates, ``{0.01: …, 0.001: …}``; None where there are too few impostor
            pairs to tell.
        genuine: number of genuine pairs.
        impostor: number of impostor pairs.
    """

    eer: float
    frr: dict[float, float | None]
    genuine: int
    impostor: int


def det_curve(scores: Tensor, genuine: Tensor) -> DetCurve:
    """The error rates at every threshold.

    Args:
        scores: (n,), similarities.
        genuine: bool (n,).

    Raises :class:`~headstart.errors.HeadstartError` for scores that are not finite or of another number than the
    marks, and when there is no pair of one kind.

    >>> curve = det_curve(torch.tensor([0.9, 0.4, 0.6, 0.1]), torch.tensor([True, True, False, False]))
    >>> curve.far.tolist(), curve.frr.tolist()
    ([1.0, 0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5, 1.0])
    """
    if scores.shape != genuine.shape or scores.ndim != 1 or not torch.isfinite(scores).all():
        raise HeadstartError(
            f"expected finite scores (n,) and a mark for each, got {tuple(scores.shape)} and {tuple(genuine.shape)}."
        )
    same, other = (scores[mask].double().sort().values for mask in (genuine, ~genuine))
    if not len(same) or not len(other):
        raise HeadstartError(f"expected pairs of both kinds, got {len(same)} genuine and {len(other)} impostor ones.")
    threshold = torch.cat([scores.double().unique(), torch.tensor([torch.inf], dtype=torch.float64)])
    # Counted, then divided: 1 in 1,000 is to be 0.001 to the last bit, and not a little more.
    far = (len(other) - torch.searchsorted(other, threshold)).double() / len(other)
    frr = torch.searchsorted(same, threshold).double() / len(same)
    return DetCurve(threshold, far, frr, len(same), len(other))


def equal_error_rate(curve: DetCurve) -> float:
    """The rate at which FAR = FRR, on straight lines between neighbouring points of the curve.

    With k the first threshold at which FRR_k ≥ FAR_k and d = FAR − FRR, the crossing lies at the share
    d_{k−1} / (d_{k−1} − d_k) of the way from point k − 1 to point k. Others give the mean of the two rates at the
    nearest threshold, or go by the convex hull; for many pairs all agree.

    >>> equal_error_rate(det_curve(torch.tensor([0.9, 0.4, 0.6, 0.1]), torch.tensor([True, True, False, False])))
    0.5
    """
    gap = curve.far - curve.frr  # from 1 down to −1
    k = int((gap <= 0).nonzero()[0])
    way = gap[k - 1] / (gap[k - 1] - gap[k])
    return float(curve.far[k - 1] + way * (curve.far[k] - curve.far[k - 1]))


def frr_at_far(curve: DetCurve, far: float) -> float:
    """The smallest FRR of a threshold whose FAR is at most ``far``: of a threshold that can be set, not interpolated.

    Raises :class:`~headstart.errors.HeadstartError` when ``far`` times the number of impostor pairs is below
    :data:`FEWEST`: the threshold would hang on fewer than ten impostor pairs (a relative standard error above 30 %,
    even if these were independent).
    """
    if not 0 < far < 1:
        raise HeadstartError(f"expected a false-accept rate between 0 and 1, got {far}: 0.01 is 1 %.")
    needed = round(FEWEST / far)
    if curve.impostor < needed:
        raise HeadstartError(
            f"the false-reject rate at a false-accept rate of {far:.3g} cannot be told from {curve.impostor} impostor "
            f"pairs: it takes {needed} or more, so that {FEWEST} false accepts decide. Use more images or identities."
        )
    return float(curve.frr[int((curve.far <= far).nonzero()[0])])


def measure(scores: Tensor, genuine: Tensor, fars: tuple[float, ...] = (0.01, 0.001)) -> Verification:
    """EER, and FRR at each false-accept rate of ``fars``, None where it cannot be told; see above for definitions.

    Pairs share images, so they are fewer independent measurements than they are pairs: the spread over seeds and
    identities says more than their number.
    """
    curve = det_curve(scores, genuine)
    frr = {far: frr_at_far(curve, far) if curve.impostor >= round(FEWEST / far) else None for far in fars}
    return Verification(equal_error_rate(curve), frr, curve.genuine, curve.impostor)
