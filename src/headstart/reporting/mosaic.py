"""Many small maps as one image: tiles in rows, with gaps between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Mosaic", "mosaic"]


@dataclass(frozen=True)
class Mosaic:
    """Tiles as one image.

    Args:
        cells: (height, width), float32; NaN where there is no tile.
        rows: the vertical centre of each row of tiles, in cells.
        columns: the horizontal centre of each column of them.
        tops: the upper edge of each row of tiles.
    """

    cells: Tensor
    rows: list[float]
    columns: list[float]
    tops: list[float]


def mosaic(tiles: Sequence[Sequence[Tensor]], *, gap: tuple[int, int] = (1, 1)) -> Mosaic:
    """Put tiles beside and below each other.

    Args:
        tiles: rows of maps (h, w); those smaller than the largest stand in the middle of their place.
        gap: empty cells above each row, and on the left of each column but the first.

    >>> mosaic([[torch.ones(1, 1), torch.zeros(1, 1)]], gap=(1, 1)).cells
    tensor([[nan, nan, nan],
            [1., nan, 0.]])
    """
    h = max(tile.shape[0] for row in tiles for tile in row)
    w = max(tile.shape[1] for row in tiles for tile in row)
    across = max(map(len, tiles))
    above, left = gap
    cells = torch.full((len(tiles) * (h + above), across * (w + left) - left), float("nan"))
    tops = [row * (h + above) + above for row in range(len(tiles))]
    lefts = [column * (w + left) for column in range(across)]
    for top, row in zip(tops, tiles, strict=True):
        for start, tile in zip(lefts, row, strict=False):
            y, x = top + (h - tile.shape[0]) // 2, start + (w - tile.shape[1]) // 2
            cells[y : y + tile.shape[0], x : x + tile.shape[1]] = tile.detach().float().cpu()
    middle = [start + (w - 1) / 2 for start in lefts]
    return Mosaic(cells, [top + (h - 1) / 2 for top in tops], middle, [top - 0.5 for top in tops])
