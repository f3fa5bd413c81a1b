"""Mean, spread and paired differences with Student-t intervals, for a handful of seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["mean_and_sd", "paired_difference", "t_quantile"]


def mean_and_sd(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and sample standard deviation (n − 1 in the denominator; None for a single value)."""
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return mean, None
    return mean, math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1))


def paired_difference(values: Sequence[float], reference: Sequence[float]) -> tuple[float, tuple[float, float] | None]:
    """Mean of ``values − reference``, pair by pair, and its 95 % interval.

    ``d̄ ± t·s/√n`` with ``s`` the standard deviation of the ``n`` differences and ``t`` the 0.975 quantile of
    Student's distribution with ``n − 1`` degrees of freedom; None when ``n < 2``.
    """
    mean, sd = mean_and_sd([v - r for v, r in zip(values, reference, strict=True)])
    if sd is None:
        return mean, None
    half = t_quantile(0.975, len(values) - 1) * sd / math.sqrt(len(values))
    return mean, (mean - half, mean + half)


def t_quantile(probability: float, df: int) -> float:
    """The value that Student's t with ``df`` degrees of freedom stays below with that probability (> 0.5).

    Found by bisection of the distribution function.

    >>> round(t_quantile(0.975, 2), 3)
    4.303
    """
    low, high = 0.0, 1.0
    while _t_cdf(high, df) < probability:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_cdf(middle, df) < probability else (low, middle)
    return (low + high) / 2


def _t_cdf(t: float, df: int) -> float:
    """P(T < t) for t ≥ 0 and whole ``df``: the finite sums 26.7.3 and 26.7.4 of Abramowitz and Stegun."""
    angle = math.atan(t / math.sqrt(df))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = df % 2
    term, total = (cosine, 0.0) if odd else (1.0, 0.0)
    for k in range(1 + odd, df, 2):  # k runs over the last factor already in the term
        total += term
        term *= cosine**2 * k / (k + 1)
    inside = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return 0.5 + inside / 2
