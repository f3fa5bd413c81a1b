"""Pictures of attention: what each head of each block looks at."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.errors import HeadstartError
from headstart.reporting.style import MAPS, PALETTE, save_figure, styled

if TYPE_CHECKING:
    from torch import Tensor, nn

    from headstart.initialization import InitReport

__all__ = ["draw_attention", "draw_heads", "inspect_model"]


def inspect_model(
    model: nn.Module,
    images: Tensor,
    pictures: Tensor,
    folder: str | Path,
    *,
    query: tuple[int, int] | None = None,
    title: str = "",
) -> tuple[InitReport, list[Path]]:
    """Measure the heads of ``model`` on ``images`` (as it sees them) and draw where they look on each.

    Writes ``attention.png`` (:func:`draw_attention`, with ``pictures`` the stored uint8 images) and
    ``heads-trained.png`` (means over the images) into ``folder``; returns the report and the two paths.
    """
    from headstart.attention import attention_view
    from headstart.initialization import measure

    view, folder = attention_view(model), Path(folder)
    drawn = draw_attention(
        view.maps(images),
        view.grid,
        view.prefix,
        pictures,
        folder / "attention.png",
        query=query,
        title=title,
    )
    report = measure(model, images)
    report.scheme = title
    return report, [drawn, save_figure(report.figure(), folder / "heads-trained.png")]


@styled
def draw_heads(report: InitReport, path: str | Path) -> Path:
    """Write a picture of all heads at a glance: each one's mean attention by offset, rows are blocks, columns heads.

    ``report`` is what ``init_`` or ``measure`` returned; its ``figure()`` is drawn. Returns ``path``.
    """
    return save_figure(report.figure(), path)


@styled
def draw_attention(
    maps: list[Tensor],
    grid: tuple[int, int],
    prefix: int,
    pictures: Tensor,
    path: str | Path,
    *,
    query: tuple[int, int] | None = None,
    title: str = "",
) -> Path:
    """Write a picture of where one patch looks: under each image its maps, rows = blocks, columns = heads.

    Args:
        maps: for each block the attention (B, H, N, N) with N = prefix + h·w.
        grid: (h, w) in patches.
        prefix: class and register tokens in front of the patches.
        pictures: the images as uint8 (B, C, height, width), drawn above their maps.
        path: where to write.
        query: (row, column) of the looking patch; the middle one when None.
        title: one line above all.

    The looking patch is framed. Each map has its own colour scale, from 0 to its largest value, which is
    printed above it.
    """
    from matplotlib.figure import Figure

    h, w = grid
    row, column = query or (h // 2, w // 2)
    if not (0 <= row < h and 0 <= column < w):
        raise HeadstartError(f"query ({row}, {column}) lies outside the {h}×{w} grid of patches; count from 0.")
    token = prefix + row * w + column
    blocks, heads, count = len(maps), maps[0].shape[1], len(pictures)
    # In map widths: a margin for the block names, then each image with its picture above its maps.
    margin, gap, above = 0.45, 0.5, min(2.0, heads)
    wide, tall = margin + count * (heads + gap), above + 0.35 + blocks * 1.12
    figure = Figure(figsize=(0.95 * wide, 0.95 * tall + 0.45), dpi=160)
    figure.suptitle(title, x=0.5, y=1 - 0.12 / figure.get_figheight(), va="top", fontsize=10)
    unit_x, unit_y = 0.95 / figure.get_figwidth(), 0.95 / figure.get_figheight()
    for image in range(count):
        left = margin + image * (heads + gap)
        corner = (left + (heads - above) / 2) * unit_x
        axes = figure.add_axes((corner, (tall - above) * unit_y, above * unit_x, above * unit_y))
        _draw_picture(axes, pictures[image], grid, (row, column))
        for block, head in itertools.product(range(blocks), range(heads)):
            bottom = (blocks - 1 - block) * 1.12 + 0.08
            box = ((left + head + 0.04) * unit_x, bottom * unit_y, 0.92 * unit_x, 0.92 * unit_y)
            axes = figure.add_axes(box)
            values = maps[block][image, head, token, prefix:].reshape(h, w).float().cpu().numpy()
            axes.imshow(values, cmap=MAPS, vmin=0, vmax=float(values.max()))
            axes.plot(column, row, "s", markersize=3, markerfacecolor="none", markeredgecolor="white")
            axes.set_title(f"{'head ' + str(head) + ': ' if block == 0 else ''}{values.max():.2f}", fontsize=6, pad=2)
            axes.set_xticks([])
            axes.set_yticks([])
            if head == 0 and image == 0:
                axes.set_ylabel(f"block {block}", fontsize=7)
    return save_figure(figure, path)


def _draw_picture(axes: Any, picture: Tensor, grid: tuple[int, int], query: tuple[int, int]) -> None:
    from matplotlib.patches import Rectangle

    pixels = picture.permute(1, 2, 0).cpu().numpy()
    axes.imshow(pixels if pixels.shape[-1] == 3 else pixels[..., 0], cmap="gray")
    tall, wide = pixels.shape[0] / grid[0], pixels.shape[1] / grid[1]
    corner = (query[1] * wide - 0.5, query[0] * tall - 0.5)
    axes.add_patch(Rectangle(corner, wide, tall, fill=False, edgecolor=PALETTE[2], linewidth=1.5))
    axes.set_axis_off()
