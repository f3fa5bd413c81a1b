"""Where heads go while a model trains: a comparison whose runs were watched, as one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.reporting.style import MAPS, chart, save_figure, styled

__all__ = ["draw_watched"]

MEASURES = {
    "start_mass": "attention on the\nstarting offset",
    "distance": "attention distance,\npatches",
    "entropy": "entropy, nats",
}


@styled
def draw_watched(results: dict[str, Any], path: str | Path) -> Path | None:
    """Write a picture over passes: columns are arms, rows measures, lines blocks; None where nothing was watched.

    ``results`` is the content of a ``results.json`` of ``compare(…, watch=True)``. Lines are means over heads and
    seeds, bands reach from the lowest seed to the highest.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    arms = [arm for arm in results["arms"] if all("locality" in run for run in arm["runs"])]
    if not arms:
        return None
    figure = Figure(figsize=(1.2 + 2.3 * len(arms), 6.0), dpi=160, layout="constrained")
    grid = figure.subplots(len(MEASURES), len(arms), squeeze=False, sharex=True, sharey="row")
    for column, arm in enumerate(arms):
        runs = [run["locality"] for run in arm["runs"]]
        passes = [row["pass"] for row in runs[0]]
        blocks = len(runs[0][0]["distance"])
        for axes, name in zip(grid[:, column], MEASURES, strict=True):
            for block in range(blocks):
                seeds = [[sum(row[name][block]) / len(row[name][block]) for row in rows] for rows in runs]
                columns = list(zip(*seeds, strict=True))
                color = matplotlib.colormaps[MAPS](0.9 * block / max(blocks - 1, 1))
                mean = [sum(values) / len(values) for values in columns]
                axes.plot(passes, mean, color=color, linewidth=1.8, label=f"block {block}")
                low, high = [min(values) for values in columns], [max(values) for values in columns]
                axes.fill_between(passes, low, high, color=color, alpha=0.15, linewidth=0)
            chart(axes)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
        grid[0, column].set_title(arm["name"], fontsize=9)
        grid[-1, column].set_xlabel("passes", fontsize=8)
    for axes, label in zip(grid[:, 0], MEASURES.values(), strict=True):
        axes.set_ylabel(label, fontsize=8)
    lines, names = grid[0, 0].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside lower center", ncols=min(6, len(lines)), frameon=False, fontsize=8)
    config = results["config"]
    permuted = ", patches permuted" if config.get("permute_patches") is not None else ""
    figure.suptitle(
        f"{config['dataset']}{permuted}: where heads look, from the start (0) to the last pass",
    )
    return save_figure(figure, path)
