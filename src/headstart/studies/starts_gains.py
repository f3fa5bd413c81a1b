"""What every start is worth, on every column's data: points of test accuracy over the first start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.reporting.style import MARKERS, PALETTE, chart, save_figure, styled
from headstart.studies.starts_picture import colour, short
from headstart.training.statistics import paired_difference

__all__ = ["draw_gains"]


@styled
def draw_gains(results: dict[str, Any], path: str | Path) -> Path:
    """Write a picture: a row for each column of the study, a mark for each start but the first, with its interval.

    A mark is the mean difference to the first start, paired by seed, in points; its line is Student's 95 % interval,
    which a single seed does not give. ``results`` is what the study wrote. Returns ``path``.
    """
    from matplotlib.figure import Figure

    answers = results["answers"]
    starts = [arm["init"] for arm in answers[0]["arms"]]
    figure = Figure(figsize=(8.6, 1.1 + 0.17 * len(starts) * (1 + len(answers))), layout="constrained")
    axes = figure.subplots()
    axes.axvline(0, color=PALETTE[0], linewidth=1.2)
    step = 0.7 / max(1, len(starts) - 1)
    for place in range(1, len(starts)):
        color = colour(place, len(starts))
        gaps = [paired_difference(answer["arms"][place]["test"], answer["arms"][0]["test"]) for answer in answers]
        heights = [row + (place - len(starts) / 2) * step for row in range(len(answers))]
        marker = MARKERS[place % len(MARKERS)]
        axes.plot(
            [100 * gap for gap, _ in gaps], heights, marker, color=color, markersize=5, label=short(starts[place])
        )
        for height, (_, interval) in zip(heights, gaps, strict=True):
            if interval is not None:
                axes.plot([100 * end for end in interval], [height] * 2, color=color, linewidth=1.4, alpha=0.6)
    axes.set_yticks(range(len(answers)), [answer["question"] for answer in answers])
    axes.set_ylim(len(answers) - 0.5, -0.5)
    axes.set_xlabel(f"points of test accuracy over {starts[0]}, mean of {results['n']} seeds, 95 % interval")
    chart(axes, "x")
    if len(starts) > 1:
        figure.legend(loc="outside lower left")
    return save_figure(figure, path)
