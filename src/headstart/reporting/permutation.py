"""What permuting patches costs each model: cells of a table, and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.reporting.percent import percent, points
from headstart.reporting.style import PALETTE, chart, save_figure, styled

__all__ = ["draw_permutation", "permutation_rows"]


def permutation_rows(results: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each arm, in percent and points of test accuracy; from the results of the study ``permutation``."""
    first = _short(results["arms"][0]["name"])
    return [
        {
            "model": f"`{_short(arm['name'])}`",
            "as stored, %": percent(arm["stored"]["mean"], arm["stored"]["sd"]),
            "permuted, %": percent(arm["permuted"]["mean"], arm["permuted"]["sd"]),
            "n": arm["stored"]["n"],
            "permuted − stored [95 % interval]": points(arm["cost"], arm["cost_interval"]),
            f"beyond {first}": points(arm["beyond_first"], arm["beyond_interval"]),
            f"over {first}, as stored": points(arm["stored"]["over_first"], arm["stored"]["interval"]),
            f"over {first}, permuted": points(arm["permuted"]["over_first"], arm["permuted"]["interval"]),
        }
        for arm in results["arms"]
    ]


@styled
def draw_permutation(results: dict[str, Any], path: str | Path) -> Path:
    """Write a picture: each arm a line from its accuracy on images as stored to that on permuted ones."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    figure = Figure(figsize=(6.4, 4.4), dpi=160, layout="constrained")
    axes = figure.subplots()
    ends = []
    for index, arm in enumerate(results["arms"]):
        color = PALETTE[index % len(PALETTE)]
        means = [arm[order]["mean"] for order in ("stored", "permuted")]
        axes.plot((0, 1), means, color=color, linewidth=2.5)
        for x, order in enumerate(("stored", "permuted")):
            tests = [run["test"] for run in arm[order]["runs"]]
            axes.plot([x] * len(tests), tests, "o", color=color, markersize=4, alpha=0.6)
        ends.append((means[1], f"{_short(arm['name'])}  {100 * arm['cost']:+.1f}".replace("-", "−"), color))
    low, high = axes.get_ylim()
    previous = float("-inf")
    for value, text, color in sorted(ends):
        previous = max(value, previous + 0.05 * (high - low))
        axes.annotate(text, (1.04, previous), color=color, va="center", fontsize=9, annotation_clip=False)
    axes.set_xlim(-0.08, 1.55)
    axes.set_xticks((0, 1), ("as stored", "patches in one\nrandom order"))
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.set_ylabel("test accuracy")
    axes.set_title(
        f"{results['config']['dataset']}: what each model loses, in points, when the patches\n"
        f"of all images are put in another order (dots are the {results['n']} seeds)",
        loc="left",
    )
    chart(axes)
    return save_figure(figure, path)


def _short(arm: str) -> str:
    """An arm without its model's options, which the results have."""
    init, at, model = arm.partition("@")
    return model.partition(":")[0] if at and init == "default" else f"{init}{at}{model.partition(':')[0]}"
