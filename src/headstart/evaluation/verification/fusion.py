"""Several scores of a pair made into one, by logistic regression on pairs of other identities."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from headstart.errors import HeadstartError
from headstart.evaluation.verification.identities import check_disjoint

__all__ = ["Fusion", "fit_fusion"]

WEAK = 1e6  # inverse strength of the pull to nought: weak, and enough to keep weights finite where scores separate


@dataclass(frozen=True)
class Fusion:
    """s = a₀ + Σ_k a_k s_k: the logarithm (base e) of how much likelier the scores are from a genuine pair.

    Args:
        offset: a₀.
        weights: a_k, one for each score.
    """

    offset: float
    weights: tuple[float, ...]

    def __call__(self, scores: Tensor) -> Tensor:
        """Fused scores, float64 (n,), of ``scores`` (n, K)."""
        if scores.ndim != 2 or scores.shape[1] != len(self.weights):
            raise HeadstartError(
                f"the fusion was learned on {len(self.weights)} scores a pair; got {tuple(scores.shape)}."
            )
        return self.offset + scores.double() @ torch.tensor(self.weights, dtype=torch.float64)


def fit_fusion(scores: Tensor, genuine: Tensor, *, learned_on: Iterable[str], used_on: Iterable[str]) -> Fusion:
    """Learn a fusion.

    The weights maximise the mean log-likelihood of the marks under σ(a₀ + Σ a_k s_k), genuine and impostor pairs with
    the same total weight: the prior odds are then 1, and s is a log-likelihood ratio. Scores are standardised for the
    solver and the result is written for scores as they come. Deterministic.

    Sibling papers of 2407.19472 (2510.26282, 2311.01237) fuse so; whether it does is not known to us.

    Args:
        scores: (n, K), similarities of development pairs.
        genuine: bool (n,).
        learned_on: names of the identities in these pairs.
        used_on: names of the identities that the fusion is going to be tested on.

    Raises :class:`~headstart.errors.HeadstartError` when the two share an identity, for a score that is the same for
    all pairs, for marks of one kind only, and without scikit-learn.
    """
    check_disjoint({"fusion's development": learned_on, "test": used_on})
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise HeadstartError('fusion needs scikit-learn; pip install "headstart[verification]".') from None
    if scores.ndim != 2 or len(scores) != len(genuine) or not torch.isfinite(scores).all():
        raise HeadstartError(
            f"expected finite scores (n, K) and n marks, got {tuple(scores.shape)} and {tuple(genuine.shape)}."
        )
    if genuine.all() or not genuine.any():
        raise HeadstartError("fusion has to be learned on pairs of both kinds, genuine and impostor.")
    values = scores.double()
    mean, spread = values.mean(0), values.std(0, correction=0)
    flat = (spread == 0).nonzero().flatten().tolist()
    if flat:
        raise HeadstartError(f"score {flat[0]} of the fusion is the same for all pairs; leave it out.")
    solver = LogisticRegression(C=WEAK, class_weight="balanced", max_iter=1000)
    solver.fit(((values - mean) / spread).numpy(), genuine.numpy())
    weights = torch.from_numpy(solver.coef_[0]) / spread
    return Fusion(float(solver.intercept_[0]) - float(weights @ mean), tuple(weights.tolist()))
