"""Every answer of the ablation at a glance: what each arm is ahead of or behind what it stands beside."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from headstart.reporting.style import PALETTE, chart, save_figure, styled

__all__ = ["draw_ablation"]

LONGEST, TITLE = 64, 72  # letters of an arm's name, and of a line of a question


@styled
def draw_ablation(results: dict[str, Any], path: str | Path) -> Path:
    """Write a picture: a panel for each question, a line for each arm, its difference in points with its interval.

    ``results`` is what the study wrote. Full marks are differences whose interval holds no nought. Returns ``path``.
    """
    from matplotlib.figure import Figure

    counts = [len(answer["arms"]) for answer in results["answers"]]
    height = 1.0 + sum(0.55 + 0.21 * count for count in counts)
    figure = Figure(figsize=(8.6, height), dpi=140, layout="constrained")
    panels = figure.subplots(len(counts), 1, sharex=True, squeeze=False, height_ratios=[c + 1.5 for c in counts])[:, 0]
    for axes, answer in zip(panels, results["answers"], strict=True):
        axes.axvline(0, color="0.6", linewidth=0.8)
        for place, arm in enumerate(answer["arms"]):
            gap, (low, high) = arm["difference"] or 0.0, arm["interval"] or (0.0, 0.0)
            sure = low > 0 or high < 0
            color = "0.4" if arm["difference"] is None else PALETTE[1] if gap > 0 else PALETTE[2]
            if arm["interval"] is not None:
                axes.plot([100 * low, 100 * high], [place, place], color=color, linewidth=1.4, alpha=0.6)
            face = color if sure or arm["difference"] is None else "white"
            axes.plot([100 * gap], [place], "o", color=color, markerfacecolor=face, markersize=5)
        axes.set_yticks(range(len(answer["arms"])), [_named(arm) for arm in answer["arms"]], fontsize=7)
        axes.set_ylim(len(answer["arms"]) - 0.4, -0.6)
        axes.set_title(textwrap.fill(answer["question"], TITLE), loc="left", fontsize=8)
        chart(axes, "x")
    panels[-1].set_xlabel(f"points of test accuracy over what each stands beside, mean of {results['n']} seeds, 95 %")
    return save_figure(figure, path)


def _named(arm: dict[str, Any]) -> str:
    """Its start, cut where it is long, and all that is changed for it: by this, rows of one start differ."""
    changes = "".join(f" {change}" for change in arm["changes"])
    init, room = arm["init"], LONGEST - len(changes)
    return (init if len(init) <= room else f"{init[: room - 1]}…") + changes
