"""Where each method gains and loses under corruption, as a heat map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.reporting.style import INK, save_figure, signed_map, styled

__all__ = ["draw_robustness"]


@styled
def draw_robustness(results: dict[str, Any], path: str | Path) -> Path:
    """Write a picture: corruptions down, arms across, points of accuracy over the arm's reference in each cell.

    ``results`` is what the study wrote. A panel for each reference, with a scale of colour of its own, orange for less
    and blue for more; the first row is of clean images. Returns ``path``.
    """
    from matplotlib.figure import Figure

    arms = [arm for arm in results["arms"] if arm["reference"] is not None]
    references = list(dict.fromkeys(arm["reference"] for arm in arms))
    groups = [[arm for arm in arms if arm["reference"] == reference] for reference in references]
    # Panels in the order of their first arm: initializations beside the first one's methods.
    names = ["clean", *results["corruptions"]]
    size = (2.2 + 0.85 * len(arms) + 0.3 * len(groups), 2.6 + 0.3 * len(names))
    figure = Figure(figsize=size, dpi=160, layout="constrained")
    widths = [len(group) for group in groups]
    panels = figure.subplots(1, len(groups), squeeze=False, sharey=True, gridspec_kw={"width_ratios": widths})[0]
    values = [[_column(arm, results["corruptions"]) for arm in group] for group in groups]
    colors = signed_map()
    for axes, reference, group, columns in zip(panels, references, groups, values, strict=True):
        cells = [list(row) for row in zip(*columns, strict=True)]
        limit = max(1.0, *(abs(value) for column in columns for value in column))
        axes.imshow(cells, cmap=colors, vmin=-limit, vmax=limit, aspect="auto")
        for row, line in enumerate(cells):
            for column, value in enumerate(line):
                ink = "white" if abs(value) > 0.7 * limit else INK
                text = f"{value:+.1f}".replace("-", "−")
                axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=8)
        short = [arm["name"].removeprefix(f"{reference}+").replace("-", "\n", 1) for arm in group]
        axes.set_xticks(range(len(group)), short, fontsize=8)
        axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names], fontsize=8)
        axes.axhline(0.5, color=INK, linewidth=1)
        axes.tick_params(length=0)
        axes.set_title(f"over {reference} alone", fontsize=9)
        axes.spines[:].set_visible(False)
    figure.suptitle(
        f"{results['config']['dataset']}: points of accuracy that each arm has more, clean and under corruption\n"
        f"(mean of {results['n']} seeds; each panel has a scale of colour of its own)",
    )
    return save_figure(figure, path)


def _column(arm: dict[str, Any], corruptions: list[str]) -> list[float]:
    """Clean images first."""
    cells = [arm["clean"], *(arm["by_corruption"][name] for name in corruptions)]
    return [100 * cell["over_reference"] for cell in cells]
