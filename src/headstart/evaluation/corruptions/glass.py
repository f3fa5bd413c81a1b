"""Blur as through frosted glass: each pixel takes the value of a near one.

Shapes: B images, C channels, H rows, W columns; images float32 (B, C, H, W) in [0, 1].
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.evaluation.corruptions.draws import Draws
from headstart.evaluation.corruptions.levels import floored
from headstart.evaluation.corruptions.linear import gaussian_blur

__all__ = ["glass_blur"]


def glass_blur(images: Tensor, parameters: tuple[float, int, int], draws: Draws) -> Tensor:
    """A Gaussian, pixels displaced, a Gaussian again; the values in between are rounded down to levels.

    Pixels are visited from the last row and column to the first, but for a margin, and each takes the value that then
    lies at a place drawn from −d to d − 1 pixels away in each direction. Two published properties are kept: the
    displacement never reaches +d, so images drift by half a pixel, and, although the released code says "swap", the
    value goes one way only (its pixels are views of one array), so that pixels are copied and some are lost.

    Args:
        images: to be corrupted.
        parameters: (σ of both Gaussians in pixels, d in pixels, how many times all pixels are visited).
        draws: of the displacements.
    """
    sigma, reach, rounds = parameters
    height, width = images.shape[-2:]
    out = floored(gaussian_blur(images, sigma))
    for _ in range(rounds):
        source = _sources(height, width, reach, draws, images.device)
        index = source[:, None].expand(-1, images.shape[1], -1)
        out = out.flatten(2).gather(2, index).view_as(images)
    return gaussian_blur(out, sigma)


def _sources(height: int, width: int, reach: int, draws: Draws, device: torch.device) -> Tensor:
    """Where each pixel's value comes from after one round, int64 (B, H·W), places counted row by row."""
    rows, columns = torch.arange(height, device=device), torch.arange(width, device=device)
    here = rows[:, None] * width + columns
    shift = draws.integers(-reach, reach, 2, height, width)
    visited = ((rows > reach) & (rows <= height - reach))[:, None] & ((columns > reach) & (columns <= width - reach))
    source = torch.where(visited, here + shift[:, 0] * width + shift[:, 1], here).flatten(1)
    # A place further on in the image was visited before: its value is the one that it took itself. Following such
    # links, each time twice as far, ends at values of the untouched image.
    settled = ~visited.flatten().gather(0, source.flatten()).view_as(source) | (source <= here.flatten())
    while not settled.all():
        source, settled = (
            torch.where(settled, source, source.gather(1, source)),
            settled | settled.gather(1, source),
        )
    return source
