"""Pictures of verification: the DET curve, and what each layer is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from headstart.evaluation.verification import equal_error_rate
from headstart.reporting.style import PALETTE, STYLES, chart, save_figure, styled

if TYPE_CHECKING:
    from headstart.evaluation.verification import DetCurve, Swept

__all__ = ["draw_det", "draw_layers"]

TICKS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
POINTS = 1000  # of a curve, at most: more than a picture can show


@styled
def draw_det(curves: Mapping[str, DetCurve], path: str | Path, title: str) -> Path:
    """Write a picture: false rejects over false accepts, one line for each name, the EER as a point on the diagonal.

    Both axes are probits, Φ⁻¹(rate), on which scores of two normal distributions give a straight line (Martin et al.,
    1997). A rate below that of one pair is not drawn.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 6.2), dpi=160, layout="constrained")
    axes = figure.subplots()
    for index, (name, curve) in enumerate(curves.items()):
        rates = torch.stack([curve.far, curve.frr])
        seen = (rates > 0).all(0) & (rates < 1).all(0)
        x, y = torch.special.ndtri(rates[:, seen])
        # Thinned evenly on the picture: many thresholds lie where the curve hardly moves.
        _, kept = torch.unique((x * POINTS / 8).round(), return_inverse=True)
        first = torch.cat([torch.ones(1, dtype=torch.bool), kept[1:] != kept[:-1]])[: len(x)]
        color, style = PALETTE[index % len(PALETTE)], STYLES[index // len(PALETTE) % len(STYLES)]
        rate = equal_error_rate(curve)
        label = f"{name}: EER {100 * rate:.1f} %"
        axes.plot(x[first].tolist(), y[first].tolist(), color=color, linestyle=style, linewidth=2, label=label)
        at = float(torch.special.ndtri(torch.tensor(rate, dtype=torch.float64)))
        if 0 < rate < 1:
            axes.plot([at], [at], marker="o", markersize=5, color=color)
    low, high = (float(torch.special.ndtri(torch.tensor(rate, dtype=torch.float64))) for rate in (0.0007, 0.95))
    axes.plot([low, high], [low, high], color="#bbbbbb", linewidth=0.8, zorder=0)
    positions = torch.special.ndtri(torch.tensor(TICKS, dtype=torch.float64)).tolist()
    names = [f"{100 * tick:g}" for tick in TICKS]
    axes.set_xticks(positions, names, fontsize=8)
    axes.set_yticks(positions, names, fontsize=8)
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.set_xlabel("false accepts, % of impostor pairs")
    axes.set_ylabel("false rejects, % of genuine pairs")
    axes.legend(loc="lower left", frameon=False, fontsize=8)
    return _finish(figure, axes, title, path)


@styled
def draw_layers(swept: Mapping[str, Sequence[Sequence[Swept]]], path: str | Path, title: str) -> Path:
    """Write a picture: the EER of each layer, over its place in the network, 0 the first candidate and 1 the last.

    Args:
        swept: by name, for each seed what :func:`~headstart.evaluation.verification.sweep` gave. A line is the mean
            over seeds of the better distance, its band runs from the lowest seed to the highest.
        path: of the picture.
        title: a sentence.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    figure = Figure(figsize=(7, 4.4), dpi=160, layout="constrained")
    axes = figure.subplots()
    for index, (name, seeds) in enumerate(swept.items()):
        rates = [_by_place(found) for found in seeds]
        count = len(rates[0])
        places = [place / max(count - 1, 1) for place in range(count)]
        columns = list(zip(*rates, strict=True))
        color, style = PALETTE[index % len(PALETTE)], STYLES[index // len(PALETTE) % len(STYLES)]
        mean = [sum(column) / len(column) for column in columns]
        axes.plot(places, mean, color=color, linestyle=style, linewidth=2, marker="o", markersize=4, label=name)
        if len(rates) > 1:
            low, high = [min(column) for column in columns], [max(column) for column in columns]
            axes.fill_between(places, low, high, color=color, alpha=0.15, linewidth=0)
    axes.set_xlabel("place of the layer, from the first block to the last")
    axes.set_ylabel("equal error rate")
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    chart(axes)
    figure.legend(loc="outside lower left", frameon=False, fontsize=8, ncols=2)
    return _finish(figure, axes, title, path)


def _by_place(swept: Sequence[Swept]) -> list[float]:
    """The lower EER of the distances, for each place in turn."""
    places = sorted({one.place for one in swept})
    return [min(one.found.eer for one in swept if one.place == place) for place in places]


def _finish(figure: Any, axes: Any, title: str, path: str | Path) -> Path:
    axes.set_title(title, loc="left")
    chart(axes, None)
    return save_figure(figure, path)
