"""Accuracy against what the spatial filters span, a panel for each kernel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.reporting.style import PALETTE, chart, save_figure, styled

__all__ = ["draw_filters"]

MARKERS = "osD^vP*X"


@styled
def draw_filters(results: dict[str, Any], path: str | Path) -> Path:
    """Write a picture: test accuracy over effective rank, small points for seeds, large ones for their mean.

    ``results`` is what the study wrote. Empty marks are filters that were trained, full ones were left as drawn.
    Returns ``path``.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    kernels = list(dict.fromkeys(arm["kernel"] for arm in results["arms"]))
    names = list(dict.fromkeys(arm["filters"] for arm in results["arms"]))
    figure = Figure(figsize=(max(6.6, 3.1 * len(kernels) + 0.5), 4.4), dpi=160, layout="constrained")
    panels = figure.subplots(1, len(kernels), sharey=True, squeeze=False)[0]
    marks: dict[str, Any] = {}
    for axes, kernel in zip(panels, kernels, strict=True):
        for arm in (arm for arm in results["arms"] if arm["kernel"] == kernel):
            index = names.index(arm["filters"])
            color, marker = PALETTE[index % len(PALETTE)], MARKERS[index % len(MARKERS)]
            face = "white" if arm["trained"] else color
            axes.scatter(arm["effective_rank"], arm["test"], s=14, color=color, alpha=0.45, linewidths=0, marker=marker)
            center = sum(arm["effective_rank"]) / arm["n"]
            marks[arm["filters"]] = axes.scatter(
                [center], [arm["mean"]], s=60, facecolor=face, edgecolor=color, linewidths=1.8, marker=marker, zorder=3
            )
        taps = kernel**2
        axes.set_xlim(0, taps * 1.06)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set_title(f"kernel {kernel}, at most {taps}", loc="left")
        axes.set_xlabel("effective rank of a block's filters")
        chart(axes, "both")
    panels[0].yaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
    panels[0].yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    panels[0].set_ylabel("test accuracy")
    seeds = "one seed" if results["n"] == 1 else f"{results['n']} seeds and their mean"
    dataset = results["settings"]["dataset"]
    figure.suptitle(f"ConvMixer on {dataset}: {seeds}; empty marks are trained filters")
    figure.legend(
        list(marks.values()),
        [name.replace(":frozen=False", ", trained from there") for name in marks],
        loc="outside lower center",
        ncols=min(3, len(marks)),
        frameon=False,
    )
    return save_figure(figure, path)
