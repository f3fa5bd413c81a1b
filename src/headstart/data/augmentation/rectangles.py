"""Random rectangles by share of the area and ratio of the sides, for resized crops and for erasing.

Shapes: B images; H rows, W columns.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["TRIES", "draw_rectangles", "uniform", "whole_below"]

TRIES = 10


def uniform(count: int, columns: int, generator: torch.Generator) -> Tensor:
    """Uniform in [0, 1): float64 (B, columns), on the CPU."""
    return torch.rand(count, columns, generator=generator, dtype=torch.float64)


def whole_below(uniforms: Tensor, limits: Tensor | int) -> Tensor:
    """Whole numbers 0 … limits − 1, all equally likely, from uniform numbers: int64."""
    return (uniforms * limits).floor().to(torch.int64)


def draw_rectangles(
    count: int,
    size: tuple[int, int],
    share: tuple[float, float],
    ratio: tuple[float, float],
    generator: torch.Generator,
    *,
    smaller: int = 0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Sides of rectangles, uniform in area and log-uniform in ratio, at up to ten tries each, as torchvision does.

    height = round(√(area · ratio)), width = round(√(area / ratio)), where area = share · H · W. All tries are drawn
    at once, and of each image's the first that fits is taken: 1 to H rows and 1 to W columns, each less ``smaller``.

    Args:
        count: B.
        size: (H, W).
        share: least and greatest share of the image's area.
        ratio: least and greatest height / width.
        generator: on the CPU.
        smaller: by how many pixels both sides have to be smaller than the image's.

    Returns:
        (heights, widths, found): int64 (B,), int64 (B,) and bool (B,); where none fits, the first try's sides.
    """
    height, width = size
    drawn = uniform(count, 2 * TRIES, generator)
    area = height * width * (share[0] + (share[1] - share[0]) * drawn[:, :TRIES])
    low, high = math.log(ratio[0]), math.log(ratio[1])
    ratios = (low + (high - low) * drawn[:, TRIES:]).exp()
    heights, widths = (area * ratios).sqrt().round().long(), (area / ratios).sqrt().round().long()
    fits = (heights > 0) & (heights <= height - smaller) & (widths > 0) & (widths <= width - smaller)
    first = fits.int().argmax(1, keepdim=True)
    return heights.gather(1, first)[:, 0], widths.gather(1, first)[:, 0], fits.any(1)
