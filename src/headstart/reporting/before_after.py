"""What each head looks at before training and after it, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.errors import HeadstartError
from headstart.reporting.mosaic import mosaic
from headstart.reporting.style import INK, PALETTE, save_figure, styled

if TYPE_CHECKING:
    from headstart.initialization import InitReport

__all__ = ["draw_before_after"]

TILE = 0.62  # inches that a head takes
WORDS = 150  # heads on one side from which on their numbers would be too small to read


@styled
def draw_before_after(before: InitReport, after: InitReport, path: str | Path, *, title: str = "") -> Path:
    """Write a picture: on the left the heads at the start, on the right after training; rows are blocks.

    A head's map is p(dy, dx), the mean of its attention A[q, q + (dy, dx)] over the patches q for which the patch at
    that offset lies in the grid; the patch itself is in the middle. The square marks the head's offset at the start, on
    both sides; above each map is the offset that it looks at most, and the mean attention there.

    Args:
        before: ``init_(…)`` or ``measure(…)`` of the untrained model.
        after: ``measure(…)`` of the same model later, on the same images.
        path: where to write; its ending says as what.
        title: a line above all.

    Colours are one scale for both sides, by the square root, on which weak attention can be seen too. Raises
    :class:`~headstart.errors.HeadstartError` where the two are of models with other heads. Returns ``path``.
    """
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure

    starts = {(head.block, head.head): head.offset for head in before.heads}
    if starts.keys() != {(head.block, head.head) for head in after.heads}:
        raise HeadstartError(
            f"before and after must be of one model: got {len(before.heads)} and {len(after.heads)} heads, or others."
        )
    blocks = 1 + max(head.block for head in before.heads)
    heads = 1 + max(head.head for head in before.heads)
    top = max(float(head.profile.max()) for report in (before, after) for head in report.heads)
    wide, tall = 2 * (heads * TILE + 0.5) + 1.1, blocks * TILE * 1.3 + 1.1
    figure = Figure(figsize=(max(wide, 4.6), max(tall, 2.4)), layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, report, name in zip(panels, (before, after), ("at the start", "after training"), strict=True):
        image = _draw(axes, report, starts, (blocks, heads), PowerNorm(0.5, vmin=0, vmax=top))
        axes.set_title(f"{name}: target mass {report.target_mass:.2f}", pad=4)
    panels[0].set_yticks(panels[0].get_yticks(), [f"block {block}" for block in range(blocks)])
    bar = figure.colorbar(image, ax=list(panels), shrink=min(1.0, 3.2 / tall), pad=0.02)
    bar.set_label("mean attention")
    bar.ax.tick_params(labelsize=7)
    figure.suptitle(title)
    return save_figure(figure, path)


def _draw(axes: Any, report: InitReport, starts: dict[tuple[int, int], Any], shape: tuple[int, int], norm: Any) -> Any:
    from matplotlib.patches import Rectangle

    blocks, heads = shape
    by_place = {(head.block, head.head): head for head in report.heads}
    tiles = [
        [by_place[block, head].profile for head in range(heads) if (block, head) in by_place] for block in range(blocks)
    ]
    laid = mosaic(tiles, gap=(3, 1))
    image = axes.imshow(laid.cells.numpy(), norm=norm, interpolation="nearest")
    for (block, head), found in by_place.items():
        dy, dx = starts[block, head]
        reach = found.profile.shape[0] // 2
        y, x = laid.rows[block], laid.columns[head]
        if max(abs(dy), abs(dx)) <= reach:
            corner = (x + dx - 0.5, y + dy - 0.5)
            axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=PALETTE[2], linewidth=1))
        if len(by_place) <= WORDS:
            words = f"({found.offset[0]:+d}, {found.offset[1]:+d})  {found.target_mass:.2f}"
            axes.text(x, laid.tops[block] - 0.4, words, ha="center", va="bottom", fontsize=5, color=INK)
    axes.set_yticks(laid.rows, [""] * blocks)
    axes.set_xticks(laid.columns, [f"{head}" for head in range(heads)])
    axes.set_xlabel("head")
    axes.tick_params(length=0, labelsize=7)
    axes.spines[:].set_visible(False)
    return image
