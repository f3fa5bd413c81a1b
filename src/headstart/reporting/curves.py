"""Learning curves of a comparison: validation accuracy over passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.reporting.style import PALETTE, STYLES, chart, save_figure, styled

__all__ = ["draw_curves"]

LONG_NAME = 24  # characters


@styled
def draw_curves(results: dict[str, Any], path: str | Path) -> Path:
    """Write a picture: one line per arm, the mean over its seeds, and a band from the lowest seed to the highest.

    ``results`` is the content of a ``results.json``. Returns ``path``.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    # Names stand at the lines' ends, where they are read fastest; long ones would squeeze the plot and go below it.
    below = max(len(arm["name"]) for arm in results["arms"]) > LONG_NAME
    height = 4.2 + (0.22 * len(results["arms"]) if below else 0)
    figure = Figure(figsize=(7, height), dpi=160, layout="constrained")
    axes = figure.subplots()
    ends = []
    for index, arm in enumerate(results["arms"]):
        looked = [[row for row in run["history"] if "val_accuracy" in row] for run in arm["runs"]]
        runs = [[row["val_accuracy"] for row in rows] for rows in looked]
        passes = [row["pass"] for row in looked[0]]
        columns = list(zip(*runs, strict=True))
        mean = [sum(column) / len(column) for column in columns]
        color, style = PALETTE[index % len(PALETTE)], STYLES[index // len(PALETTE) % len(STYLES)]
        marker = "o" if len(passes) == 1 else None
        axes.plot(passes, mean, color=color, linestyle=style, linewidth=2, marker=marker, label=arm["name"])
        if len(runs) > 1:
            low, high = [min(c) for c in columns], [max(c) for c in columns]
            axes.fill_between(passes, low, high, color=color, alpha=0.15, linewidth=0)
        ends.append((mean[-1], arm["name"], color))
    bottom, top = axes.get_ylim()
    axes.set_ylim(max(0.0, bottom), min(1.0, top))
    if below:
        lines, names = axes.get_legend_handles_labels()
        order = sorted(range(len(ends)), key=lambda i: -ends[i][0])  # from the highest line to the lowest
        figure.legend([lines[i] for i in order], [names[i] for i in order], loc="outside lower left", frameon=False)
    else:
        _label_ends(axes, passes[-1], ends)
    axes.set_xlim(min(1, passes[-1] - 1), passes[-1])
    axes.set_xlabel("passes over the training set")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10]))  # whole percents: 2.5 would be rounded in the label
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.set_title(
        f"{results['config']['dataset']}: validation accuracy, {_seeds(results)}",
        loc="left",
    )
    chart(axes)
    return save_figure(figure, path)


def _label_ends(axes: Any, x: int, ends: list[tuple[float, str, str]]) -> None:
    """Names at the lines' ends instead of a legend, pushed apart where they would lie on each other."""
    bottom, top = axes.get_ylim()
    gap, previous = 0.055 * (top - bottom), float("-inf")
    # Start low enough that the pushed-up ones still end inside the picture.
    ceiling = top - gap * (len(ends) - 1)
    for rank, (value, name, color) in enumerate(sorted(ends)):
        y = max(min(value, ceiling + gap * rank), previous + gap)
        previous = y
        axes.annotate(
            name,
            (x, y),
            xytext=(6, 0),
            textcoords="offset points",
            color=color,
            va="center",
            fontsize=9,
            annotation_clip=False,
        )


def _seeds(results: dict[str, Any]) -> str:
    n = max(arm["n"] for arm in results["arms"])
    return "one seed" if n == 1 else f"mean and range of {n} seeds"
