"""Linear maps along one axis of images: a Gaussian, and Pillow's box resampling, as matrices.

Shapes: B images, C channels, H rows, W columns.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["box_resize", "gaussian_blur", "gaussian_matrix"]

BITS = 22  # Pillow's weights are whole multiples of 2⁻²²


def gaussian_matrix(size: int, sigma: float, truncate: float, mode: str) -> Tensor:
    """A Gaussian along an axis, with what lies beyond the border folded back into it.

    Row i holds exp(−k²/2σ²), normalised over |k| ≤ ⌊truncate·σ + 1/2⌋, at the place of i + k.

    Args:
        size: length of the axis.
        sigma: σ in pixels; so small that only k = 0 is left, it gives the identity.
        truncate: how many σ the filter reaches.
        mode: what lies beyond: ``nearest``, the border pixel; ``reflect``, the image mirrored, border pixel twice.

    Returns:
        float32 (size, size), as ``scipy.ndimage.gaussian_filter1d`` with these options.

    >>> gaussian_matrix(3, 0.5, 2.0, "nearest").sum(1).tolist()
    [1.0, 1.0, 1.0]
    """
    reach = int(truncate * sigma + 0.5)
    steps = torch.arange(-reach, reach + 1)
    weights = torch.exp(-0.5 * (steps.double() / max(sigma, 1e-12)) ** 2)
    places = torch.arange(size)[:, None] + steps
    if mode == "nearest":
        places = places.clamp(0, size - 1)
    else:
        places = places.remainder(2 * size)
        places = torch.minimum(places, 2 * size - 1 - places)
    matrix = torch.zeros(size, size, dtype=torch.float64)
    return matrix.scatter_add_(1, places, (weights / weights.sum()).expand(size, -1)).float()


def gaussian_blur(images: Tensor, sigma: float, truncate: float = 4.0, mode: str = "nearest") -> Tensor:
    """Blur (B, C, H, W) along both axes by :func:`gaussian_matrix`."""
    height, width = images.shape[-2:]
    if int(truncate * sigma + 0.5) == 0:
        return images
    rows, columns = (gaussian_matrix(n, sigma, truncate, mode).to(images.device) for n in (height, width))
    return rows @ images @ columns.T


def box_weights(size: int, target: int) -> Tensor:
    """Pillow's box filter from ``size`` to ``target`` pixels: float64 (target, size), in units of 2⁻²²."""
    scale = size / target
    support, inverse = 0.5 * max(scale, 1.0), 1.0 / max(scale, 1.0)
    weights = torch.zeros(target, size, dtype=torch.float64)
    for row in range(target):
        centre = (row + 0.5) * scale
        first, last = max(int(centre - support + 0.5), 0), min(int(centre + support + 0.5), size)
        taps = [float(-0.5 < (place - centre + 0.5) * inverse <= 0.5) for place in range(first, last)]
        weights[row, first:last] = torch.tensor([math.floor(0.5 + tap / sum(taps) * 2**BITS) for tap in taps]).double()
    return weights


def box_resize(levels: Tensor, height: int, width: int) -> Tensor:
    """Resample whole levels as Pillow does with its box filter: columns first, each pass rounded to a level.

    Args:
        levels: float64 (B, C, H, W), whole numbers from 0 to 255.
        height: H wanted.
        width: W wanted.

    Returns:
        float64 (B, C, height, width), equal to ``Image.resize((width, height), Image.BOX)`` where both axes change
        alike. For some other sizes Pillow 13 takes rows first: a value in fifty is then a level off.
    """

    def resample(values: Tensor, size: int) -> Tensor:
        # Sums of levels times 2²² stay below 2⁵³: float64 holds them exactly.
        if size == values.shape[-1]:
            return values
        sums = values @ box_weights(values.shape[-1], size).to(values.device).T
        return ((sums + 2 ** (BITS - 1)) / 2**BITS).floor().clamp(0, 255)

    return resample(resample(levels, width).mT, height).mT
