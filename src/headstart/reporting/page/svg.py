"""Small line and point charts as SVG that takes its colours from the page, so that dark mode reaches them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Series", "legend", "line_chart", "point_chart", "ticks"]

WIDTH, HEIGHT = 420, 270
LEFT, RIGHT, TOP, BOTTOM = 46, 18, 10, 40
COLORS = 7  # --s0 … --s6 in page.css
DASHES = ("", "7 4", "2 3")  # once the colours are used up


@dataclass(frozen=True)
class Series:
    """A line or a point with its name; ``low`` and ``high`` are the spread around ``ys``."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


def line_chart(series: Sequence[Series], told: str, x_label: str, y_label: str) -> str:
    """A line for each series and a band from its low to its high; ``told`` says in words what there is to see.

    Values on the vertical axis are shares, written in percent.
    """
    frame = _Frame.around(series, band=True)
    parts = []
    for index, one in enumerate(series):
        style, dash = f"var(--s{index % COLORS})", DASHES[index // COLORS % len(DASHES)]
        upper = [f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in zip(one.xs, one.high, strict=True)]
        lower = [f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in zip(one.xs, one.low, strict=True)]
        middle = [f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in zip(one.xs, one.ys, strict=True)]
        if list(one.low) != list(one.high):
            parts.append(f'<polygon points="{" ".join(upper + lower[::-1])}" fill="{style}" opacity="0.18"/>')
        parts.append(
            f'<polyline points="{" ".join(middle)}" fill="none" stroke="{style}" stroke-width="2"'
            + (f' stroke-dasharray="{dash}"' if dash else "")
            + "/>"
        )
        if len(one.xs) == 1:
            parts.append(f'<circle cx="{frame.x(one.xs[0]):.1f}" cy="{frame.y(one.ys[0]):.1f}" r="4" fill="{style}"/>')
    return _svg(frame, parts, told, x_label, y_label)


def point_chart(series: Sequence[Series], told: str, x_label: str, y_label: str) -> str:
    """A point for each series, with a bar from its low to its high; the horizontal axis begins at 0."""
    frame = _Frame.around(series, band=True, from_zero=True)
    parts = []
    for index, one in enumerate(series):
        style, x = f"var(--s{index % COLORS})", frame.x(one.xs[0])
        low, high = frame.y(one.low[0]), frame.y(one.high[0])
        parts.append(f'<path d="M{x:.1f} {low:.1f}V{high:.1f}" stroke="{style}" stroke-width="2"/>')
        hollow = index >= COLORS  # once the colours are used up
        fill = "var(--paper)" if hollow else style
        parts.append(
            f'<circle cx="{x:.1f}" cy="{frame.y(one.ys[0]):.1f}" r="5" fill="{fill}" stroke="{style}" '
            'stroke-width="2"/>'
        )
    return _svg(frame, parts, told, x_label, y_label)


def legend(names: Sequence[str]) -> str:
    """Which colour is whose."""
    items = []
    for index, name in enumerate(names):
        kind = ("", " dashed", " dotted")[index // COLORS % 3]
        items.append(
            f'<li><span class="swatch{kind}" style="border-color:var(--s{index % COLORS})"></span>{escape(name)}</li>'
        )
    return f'<ul class="legend">{"".join(items)}</ul>'


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers from ``low`` to ``high``, some ``count`` of them.

    >>> ticks(0.0, 1.0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    >>> ticks(3, 17)
    [4, 6, 8, 10, 12, 14, 16]
    """
    span = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(span / count))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= count + 2)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    digits = max(0, -math.floor(math.log10(step)))
    return [round(index * step, digits) if digits else int(index * step) for index in range(first, last + 1)]


@dataclass(frozen=True)
class _Frame:
    """Where numbers lie in the picture."""

    x_range: tuple[float, float]
    y_range: tuple[float, float]

    @staticmethod
    def around(series: Sequence[Series], band: bool, from_zero: bool = False) -> _Frame:
        xs = [x for one in series for x in one.xs]
        ys = [y for one in series for values in (one.low, one.high, one.ys) for y in values]
        margin = 0.04 * (max(ys) - min(ys)) or 0.05
        right = max(xs) * (1.08 if from_zero else 1)
        left = 0.0 if from_zero else min(xs)
        if left == right:
            left, right = left - 1, right + 1
        return _Frame((left, right), (max(0.0, min(ys) - margin), min(1.0, max(ys) + margin)))

    def x(self, value: float) -> float:
        low, high = self.x_range
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / (high - low)

    def y(self, value: float) -> float:
        low, high = self.y_range
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low)


def _svg(frame: _Frame, parts: list[str], told: str, x_label: str, y_label: str) -> str:
    y_ticks, bottom = ticks(*frame.y_range), HEIGHT - BOTTOM
    decimals = 0 if all(abs(100 * t - round(100 * t)) < 1e-9 for t in y_ticks) else 1
    y_write: Callable[[float], str] = lambda value: f"{100 * value:.{decimals}f}"  # noqa: E731
    grid = [
        f'<path class="rule" d="M{LEFT} {frame.y(t):.1f}H{WIDTH - RIGHT}"/>'
        f'<text x="{LEFT - 6}" y="{frame.y(t) + 4:.1f}" text-anchor="end">{y_write(t)}</text>'
        for t in y_ticks
    ]
    grid += [
        f'<path class="rule" d="M{frame.x(t):.1f} {bottom}v4"/>'
        f'<text x="{frame.x(t):.1f}" y="{bottom + 17}" text-anchor="middle">{int(t):,}</text>'
        for t in ticks(*frame.x_range)
        if t == int(t)
    ]
    grid.append(f'<path class="axis" d="M{LEFT} {bottom}H{WIDTH - RIGHT}"/>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    grid.append(f'<text x="{middle:.0f}" y="{HEIGHT - 5}" text-anchor="middle">{escape(x_label)}</text>')
    high = (TOP + bottom) / 2
    grid.append(f'<text transform="translate(12 {high:.0f}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>')
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(told, quote=True)}">'
        f"{''.join(grid)}{''.join(parts)}</svg>"
    )
