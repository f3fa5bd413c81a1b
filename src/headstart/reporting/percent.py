"""Accuracies and their differences as cells of a table: in percent, with a real minus."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["percent", "points"]


def percent(mean: float, sd: float | None = None) -> str:
    """A share in percent, with its standard deviation where there is one.

    >>> percent(0.4852, 0.0093), percent(0.5)
    ('48.5 ± 0.9', '50.0')
    """
    spread = "" if sd is None else f" ± {100 * sd:.1f}"
    return f"{100 * mean:.1f}{spread}".replace("-", "−")


def points(difference: float | None, interval: Sequence[float] | None = None) -> str:
    """A difference of shares in points with its sign, and its interval where there is one; a dash for None.

    >>> points(0.003, (-0.004, 0.011)), points(-0.02), points(None)
    ('+0.3 [−0.4, +1.1]', '−2.0', '–')
    """
    if difference is None:
        return "–"
    told = [f"{100 * value:+.1f}".replace("-", "−") for value in (difference, *(interval or ()))]
    return told[0] if len(told) == 1 else f"{told[0]} [{told[1]}, {told[2]}]"
