"""Accuracy against what the spatial filters span, a panel for each kernel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["draw_filters"]

# Okabe and Ito's palette; the reference, drawn first, is grey.
PALETTE = ["#666666", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
MARKERS = "osD^vP*X"
INK = "#333333"


def draw_filters(results: dict[str, Any], path: str | Path) -> Path:
    """Write a PNG: test accuracy over effective rank, small points for seeds, large ones for their mean.

    ``results`` is what the study wrote. Empty marks are filters that were trained, full ones were left as drawn.
    Returns ``path``.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    kernels = list(dict.fromkeys(arm["kernel"] for arm in results["arms"]))
    names = list(dict.fromkeys(arm["filters"] for arm in results["arms"]))
    figure = Figure(figsize=(max(4.6, 3.1 * len(kernels) + 0.5), 4.4), dpi=160, layout="constrained")
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
        axes.set_title(f"kernel {kernel}, at most {taps}", loc="left", color=INK, fontsize=10)
        axes.set_xlabel("effective rank of a block's filters", color=INK)
        axes.grid(color="#dddddd", linewidth=0.7)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK)
    panels[0].yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    panels[0].set_ylabel("test accuracy", color=INK)
    seeds = "one seed" if results["n"] == 1 else f"{results['n']} seeds and their mean"
    dataset = results["settings"]["dataset"]
    figure.suptitle(f"ConvMixer on {dataset}: {seeds}; empty marks are trained filters", color=INK, fontsize=11)
    figure.legend(
        list(marks.values()),
        [name.replace(":frozen=False", ", trained from there") for name in marks],
        loc="outside lower center",
        ncols=min(3, len(marks)),
        frameon=False,
    )
    path = Path(path)
    figure.savefig(path)
    return path
