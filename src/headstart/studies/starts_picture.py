"""How every start learns, on every column's data: validation accuracy over passes, a panel for each."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from headstart.reporting.style import PALETTE, STYLES, chart, save_figure, styled

__all__ = ["colour", "draw_starts", "short"]

ACROSS, LONGEST = 2, 60  # panels beside each other; letters of a start's name


@styled
def draw_starts(results: dict[str, Any], path: str | Path) -> Path:
    """Write a picture of the learning curves, means over seeds; ``results`` is what the study wrote. Returns ``path``.

    The start that the others are compared to is drawn thicker.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, MaxNLocator, PercentFormatter

    answers = results["answers"]
    across, down = min(ACROSS, len(answers)), math.ceil(len(answers) / ACROSS)
    starts = [arm["init"] for arm in answers[0]["arms"]]
    below = 0 if len(answers) < across * down else 0.19 * len(starts)  # a free panel has room for the names
    figure = Figure(figsize=(4.3 * across, 2.9 * down + 0.3 + below), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes, answer in zip(panels, answers, strict=False):
        for place, arm in enumerate(answer["arms"]):
            mean = [sum(looks) / len(looks) for looks in zip(*arm["curves"], strict=True)]
            last = place == len(starts) - 1
            axes.plot(
                arm["passes"],
                mean,
                color=colour(place, len(starts)),
                linestyle=STYLES[place // len(PALETTE) % len(STYLES)],
                linewidth=2.4 if last else 1.4,
                marker="o" if len(mean) == 1 else None,
                label=short(arm["init"]),
            )
        axes.set_title(answer["question"], loc="left")
        axes.set_xlabel("passes")
        passes = answer["arms"][0]["passes"]
        axes.xaxis.set_major_locator(FixedLocator(passes) if len(passes) == 1 else MaxNLocator(nbins=6, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
        chart(axes)
    named = panels[0].get_legend_handles_labels()
    for axes in panels[len(answers) :]:
        axes.axis("off")
        axes.legend(*named, loc="center left")
    if below:
        figure.legend(*named, loc="outside lower left")
    figure.suptitle(f"Validation accuracy, mean of {results['n']} seeds", x=0.01, ha="left")
    return save_figure(figure, path)


def short(start: str) -> str:
    """Its name, cut where it is long."""
    return start if len(start) <= LONGEST else start[: LONGEST - 1] + "…"


def colour(place: int, count: int) -> str:
    """By its place among all starts, the last one black."""
    return "black" if place == count - 1 else PALETTE[place % len(PALETTE)]
