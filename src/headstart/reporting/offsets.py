"""Where each head goes while a model trains: what it keeps of its starting offset, and how far it moves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from headstart.errors import HeadstartError
from headstart.reporting.fitted import Fitted
from headstart.reporting.style import INK, PALETTE, chart, save_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from headstart.evaluation.locality import LocalityReport

__all__ = ["draw_offsets", "moved_table"]

ACROSS = 6  # blocks beside each other
NAMED = 6  # heads with colours of their own; more are thin lines, and their mean a thick one
MEASURES = {"start_mass": "attention on the\nstarting offset", "moved": "moved from it,\npatches"}


class Head(Protocol):
    """What is known of a head at the start."""

    block: int
    head: int
    offset: tuple[int, int]


@styled
def draw_offsets(
    rows: Sequence[dict[str, Any]], path: str | Path, *, start: Sequence[Head] = (), title: str = ""
) -> Path:
    """Write a picture over passes: a column for each block, a line for each head.

    The upper of two rows is ``start_mass``, the mean attention on the patch at the head's offset at the start; the
    lower one ``moved``, ‖offset now − offset at the start‖ in patches, the offset being the one that is looked at most.

    Args:
        rows: of a run's ``locality.jsonl``, or like them: ``pass``, and for both measures a list of blocks of lists of
            heads.
        path: where to write; its ending says as what.
        start: the heads at the start, to name their offsets.
        title: a line above all.

    Raises :class:`~headstart.errors.HeadstartError` with fewer than two rows, between which nothing can be drawn.
    Returns ``path``.
    """
    if len(rows) < 2:
        raise HeadstartError(f"offsets over training take two moments or more, got {len(rows)}: train with --watch.")
    blocks = len(rows[0]["start_mass"])
    across, down = min(blocks, ACROSS), math.ceil(blocks / ACROSS)
    figure = _figure(across, down)
    grid = figure.subplots(2 * down, across, squeeze=False, sharex=True, sharey="row")
    offsets = {(head.block, head.head): f"({head.offset[0]:+d}, {head.offset[1]:+d})" for head in start}
    passes = [row["pass"] for row in rows]
    tops = {name: max(max(map(max, row[name])) for row in rows) for name in MEASURES}
    for block in range(across * down):
        pair = grid[2 * (block // across) : 2 * (block // across) + 2, block % across]
        if block >= blocks:
            for axes in pair:
                axes.set_axis_off()
            continue
        for axes, name in zip(pair, MEASURES, strict=True):
            columns = list(zip(*[row[name][block] for row in rows], strict=True))
            _lines(axes, passes, columns, [offsets.get((block, head), "") for head in range(len(columns))])
            chart(axes)
            top = max(tops[name], 0.1 if name == "start_mass" else 1.0)
            axes.set_ylim(-0.03 * top, 1.08 * top)
        pair[0].set_title(f"block {block}")
        if len(rows[0]["start_mass"][block]) <= NAMED:
            pair[0].legend(fontsize=6, handlelength=1.4, labelspacing=0.2)
    _label(grid, passes)
    figure.suptitle(title)
    return save_figure(figure, path)


def _figure(across: int, down: int) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(1.0 + 2.0 * across, 0.7 + 3.6 * down), layout="constrained")


def _lines(axes: Any, passes: list[int], columns: list[tuple[float, ...]], names: list[str]) -> None:
    few, marker = len(columns) <= NAMED, "o" if len(passes) <= 12 else None
    for head, values in enumerate(columns):
        color = PALETTE[1 + head % (len(PALETTE) - 1)] if few else PALETTE[0]
        label = f"head {head} {names[head]}".strip() if few else None
        width = 1.6 if few else 0.6
        axes.plot(passes, values, color=color, linewidth=width, marker=marker, markersize=2.5, label=label)
    if not few:
        mean = [sum(values) / len(values) for values in zip(*columns, strict=True)]
        axes.plot(passes, mean, color=PALETTE[1], linewidth=2)


def _label(grid: Any, passes: list[int]) -> None:
    from matplotlib.ticker import MaxNLocator

    for row, axes in enumerate(grid[:, 0]):
        axes.set_ylabel(list(MEASURES.values())[row % 2], fontsize=8, color=INK)
    for axes in grid[-1]:
        axes.set_xlabel("passes")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
        axes.set_xlim(min(passes), max(passes))


def moved_table(report: LocalityReport) -> Fitted:
    """For the terminal: each head's starting offset, the attention there now and before, and where it looks now."""
    header = ["block, head", "start", "mass there", "was", "offset", "moved", "distance", "entropy", "association"]
    rows = []
    for head in report.heads:
        masses = ["–" if mass is None else f"{mass:.3f}" for mass in (head.start_mass, head.start_mass_before)]
        moved = "–" if head.moved is None else f"{head.moved:.1f}"
        measured = [f"{head.distance:.2f}", f"{head.entropy:.2f}", f"{head.association:.3f}"]
        rows.append([f"{head.block}, {head.head}", _told(head.start), *masses, _told(head.offset), moved, *measured])
    return Fitted(header, rows)


def _told(offset: tuple[int, int] | None) -> str:
    return "–" if offset is None else f"({offset[0]:+d}, {offset[1]:+d})"
