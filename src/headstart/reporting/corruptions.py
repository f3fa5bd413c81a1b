"""Robustness to corruptions as tables and as a heat map, from the summary of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.reporting.fitted import Fitted
from headstart.reporting.percent import percent, points
from headstart.reporting.style import MAPS, save_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["corruption_tables", "draw_corruptions", "heading", "of_what"]

TITLES = {
    "clean_accuracy": "clean, %",
    "corruption_accuracy": "corrupted, %",
    "corruption_error": "mean error, %",
    "gap": "gap, points",
    "clean_ece": "ECE clean, %",
    "corruption_ece": "ECE corrupted, %",
    "mce": "mCE, %",
    "relative_mce": "relative mCE, %",
}
KEPT = ("clean_accuracy", "corruption_accuracy")
LOST = ("corruption_error", "gap", "clean_ece", "corruption_ece", "mce", "relative_mce")

Rows = tuple[list[str], list[list[str]]]


def kept_rows(summary: dict[str, Any]) -> Rows:
    """An arm a row: accuracy, clean and under corruption, and the latter's difference to the first arm."""
    header, rows = _measure_rows(summary, KEPT, "corruption_accuracy")
    return [*header, "n"], [[*row, str(arm["n"])] for row, arm in zip(rows, summary["arms"], strict=True)]


def lost_rows(summary: dict[str, Any]) -> Rows:
    """An arm a row: the mean error, un-normalised; what corruption costs, its difference to the first arm; calibration.

    ImageNet-C has its mCE beside.
    """
    return _measure_rows(summary, LOST, "gap")


def _measure_rows(summary: dict[str, Any], names: Sequence[str], compared: str) -> Rows:
    arms = summary["arms"]
    header, rows = ["arm"], [[arm["name"]] for arm in arms]
    for name in names:
        if arms[0]["measures"][name] is None:
            continue
        header.append(TITLES[name])
        for row, arm in zip(rows, arms, strict=True):
            row.append(_spread(arm["measures"][name]))
        if name == compared and len(arms) > 1:
            header.append(f"difference to {arms[0]['name']} [95 % interval]")
            for row, arm in zip(rows, arms, strict=True):
                row.append(_signed(arm["measures"][name]))
    return header, rows


def kind_rows(summary: dict[str, Any]) -> Rows:
    """A corruption a row: accuracy, mean over severities. Of one arm each severity, of several a column for each."""
    arms = summary["arms"]
    if len(arms) > 1:
        header = ["accuracy, %", *(arm["name"] for arm in arms)]
        rows = [[name, *(_spread(arm["by_corruption"][name]) for arm in arms)] for name in summary["corruptions"]]
        return header, rows
    header = ["accuracy, %", *(f"severity {severity}" for severity in summary["severities"]), "mean"]
    rows = [
        [
            name,
            *(f"{100 * value:.1f}" for value in arms[0]["cells"][name]),
            _spread(arms[0]["by_corruption"][name]),
        ]
        for name in summary["corruptions"]
    ]
    return header, rows


def corruption_tables(summary: dict[str, Any]) -> list[Fitted]:
    """The three tables for the terminal."""
    return [Fitted(header, rows) for header, rows in (kept_rows(summary), lost_rows(summary), kind_rows(summary))]


def heading(summary: dict[str, Any]) -> str:
    """Whose images these are in half a line, for a picture that goes about by itself: made here, or published."""
    height, width = summary["pixels"]
    kind = "CIFAR-C" if summary["suite"] == "cifar-c" else "ImageNet-C"
    source = f"published {kind} files" if summary["source"] == "published" else f"generated as for {kind}"
    return f"{summary['images']:,} test images of {height}×{width}, {source}"


def of_what(summary: dict[str, Any]) -> str:
    """Whose images and parameters these are, in a sentence or two."""
    height, width = summary["pixels"]
    kind = "CIFAR-C" if summary["suite"] == "cifar-c" else "ImageNet-C"
    images = f"{summary['images']:,} test images of {height}×{width}, {len(summary['corruptions'])} corruptions"
    if summary["source"] == "published":
        return f"{images}, the published {kind} files."
    ice = {"made": "frost made up", "photographs": "frost from the published photographs"}[summary["frost"]]
    own = f", {ice}" if "frost" in summary["corruptions"] else ""
    return f"{images}, generated with the parameters of {kind}{own}; not the published files."


@styled
def draw_corruptions(summary: dict[str, Any], path: str | Path, title: str = "") -> Path:
    """Write a picture: a panel for each arm, corruptions down, severities across, mean accuracy in each cell.

    All panels share one colour scale, from 0 to 100 %. The clean accuracy is above each panel. Returns ``path``.
    """
    from matplotlib.figure import Figure

    arms, names = summary["arms"], summary["corruptions"]
    across, down = len(summary["severities"]), len(names)
    size = (2.0 + len(arms) * (0.55 * across + 0.35), 1.3 + 0.32 * down)
    figure = Figure(figsize=size, dpi=160, layout="constrained")
    panels = figure.subplots(1, len(arms), squeeze=False, sharey=True)[0]
    for axes, arm in zip(panels, arms, strict=True):
        cells = [arm["cells"][name] for name in names]
        drawn = axes.imshow(cells, cmap=MAPS, vmin=0, vmax=1, aspect="auto")
        for row, values in enumerate(cells):
            for column, value in enumerate(values):
                ink = "white" if value < 0.6 else "black"
                axes.text(column, row, f"{100 * value:.0f}", ha="center", va="center", color=ink, fontsize=7)
        axes.set_xticks(range(across), [str(severity) for severity in summary["severities"]], fontsize=8)
        axes.set_yticks(range(down), [_row_name(name, summary["frost"]) for name in names], fontsize=8)
        axes.tick_params(length=0)
        clean = f"clean {_spread(arm['measures']['clean_accuracy'])}"
        axes.set_title(f"{_short(arm['name'])}\n{clean}", fontsize=8)
        axes.spines[:].set_visible(False)
    figure.supxlabel("severity", fontsize=8)
    _scale(figure, drawn, panels)
    if title:
        figure.suptitle(title, fontsize=10)
    return save_figure(figure, path)


def _scale(figure: Figure, drawn: Any, panels: Any) -> None:
    from matplotlib.ticker import PercentFormatter

    bar = figure.colorbar(drawn, ax=list(panels), format=PercentFormatter(xmax=1, decimals=0), fraction=0.04, pad=0.02)
    bar.ax.tick_params(labelsize=7)
    bar.set_label("accuracy", fontsize=8)


def _row_name(name: str, frost: str) -> str:
    return "frost (made up)" if name == "frost" and frost == "made" else name.replace("_", " ")


def _short(name: str) -> str:
    return name if len(name) <= 28 else name[:27] + "…"


def _spread(value: dict[str, Any]) -> str:
    return percent(value["mean"], value["sd"])


def _signed(value: dict[str, Any]) -> str:
    return points(value["difference"], value["interval"])
