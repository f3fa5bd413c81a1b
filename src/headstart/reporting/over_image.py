"""Attention over the image itself: what one patch looks at, laid over the picture."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from headstart.errors import HeadstartError
from headstart.reporting.style import PALETTE, save_figure, styled

__all__ = ["draw_attention_over"]

TILE = 1.05  # inches that a head takes
DIM = 0.45  # of the picture's light that is left, so that colour stands out


@styled
def draw_attention_over(
    maps: list[Tensor],
    grid: tuple[int, int],
    prefix: int,
    picture: Tensor,
    path: str | Path,
    *,
    query: tuple[int, int] | None = None,
    title: str = "",
) -> Path:
    """Write a picture of one image, as often as there are heads, with each head's attention of one patch laid over it.

    Args:
        maps: for each block the attention (H, N, N) on this image, N = prefix + h·w.
        grid: (h, w) in patches.
        prefix: class and register tokens in front of the patches.
        picture: the image as uint8 (C, height, width).
        path: where to write; its ending says as what.
        query: (row, column) of the looking patch, which is framed; the middle one when None.
        title: a line above all.

    The picture is grey and dark; a patch is the more orange the more attention a it gets, with opacity a / max a: of
    the head's own largest, which is printed above. Raises :class:`~headstart.errors.HeadstartError` for a query outside
    the grid. Returns ``path``.
    """
    from matplotlib.figure import Figure

    h, w = grid
    row, column = query or (h // 2, w // 2)
    if not (0 <= row < h and 0 <= column < w):
        raise HeadstartError(f"query ({row}, {column}) lies outside the {h}×{w} grid of patches; count from 0.")
    token = prefix + row * w + column
    blocks, heads = len(maps), max(len(block) for block in maps)
    tall = picture.shape[1] / picture.shape[2]
    figure = Figure(figsize=(heads * TILE + 0.5, blocks * (TILE * tall + 0.2) + 0.5), layout="constrained")
    panels = figure.subplots(blocks, heads, squeeze=False)
    grey = DIM * picture.float().mean(0) / 255
    for block, head in itertools.product(range(blocks), range(heads)):
        axes = panels[block, head]
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        if head == 0:
            axes.set_ylabel(f"block {block}", fontsize=7)
        if head >= len(maps[block]):
            continue
        shares = maps[block][head, token, prefix:].float().cpu().view(h, w)
        _draw(axes, grey, shares, (row, column))
        words = f"head {head}: " if block == 0 else ""
        axes.set_title(f"{words}{float(shares.max()):.2f}", fontsize=6, pad=2)
    figure.suptitle(title)
    return save_figure(figure, path)


def _draw(axes: Any, grey: Tensor, shares: Tensor, query: tuple[int, int]) -> None:
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Rectangle

    height, width = grey.shape
    opacity = shares / shares.max().clamp(min=1e-9)
    color = torch.tensor(to_rgb(PALETTE[5])).expand(*shares.shape, 3)
    axes.imshow(grey.numpy(), cmap="gray", vmin=0, vmax=1, extent=(0, width, height, 0), interpolation="nearest")
    laid = torch.cat([color, opacity[..., None]], dim=-1)
    axes.imshow(laid.numpy(), extent=(0, width, height, 0), interpolation="nearest")
    down, across = height / shares.shape[0], width / shares.shape[1]
    corner = (query[1] * across, query[0] * down)
    axes.add_patch(Rectangle(corner, across, down, fill=False, edgecolor=PALETTE[6], linewidth=1.2))
