"""Blur: out of focus, and while zooming in.

Shapes: B images, C channels, H rows, W columns; images float32 (B, C, H, W) in [0, 1].
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from headstart.evaluation.corruptions.draws import Draws

__all__ = ["clipped_zoom", "defocus_blur", "defocus_kernel", "zoom_blur"]


def defocus_kernel(radius: float, alias: float) -> Tensor:
    """A disk, blurred by a small Gaussian against its jagged edge.

    Args:
        radius: of the disk in pixels: those whose distance is at most this count, each alike.
        alias: standard deviation of the Gaussian, of 3×3 pixels up to radius 8, of 5×5 above.

    Returns:
        float32 (K, K), K odd, the zeros around it cut off.
    """
    # Up to 8 the published field ends at 8; a Gaussian that meets its end finds the field mirrored there.
    reach, half = (8, 1) if radius <= 8 else (int(radius), 2)
    steps = torch.arange(-reach, reach + 1, dtype=torch.float64)
    disk = (steps[:, None] ** 2 + steps**2 <= radius**2).double()
    small = torch.exp(-0.5 * (torch.arange(-half, half + 1, dtype=torch.float64) / alias) ** 2)
    small = small / small.sum()
    wide = F.pad((disk / disk.sum())[None, None], (half,) * 4, mode="reflect")
    kernel = F.conv2d(F.conv2d(wide, small[None, None, :, None]), small[None, None, None])[0, 0].float()
    while len(kernel) > 1 and not kernel[0].any():
        kernel = kernel[1:-1, 1:-1]
    return kernel


def defocus_blur(images: Tensor, parameters: tuple[float, float], draws: Draws) -> Tensor:
    """Convolution with :func:`defocus_kernel`; the image goes on mirrored beyond its border, border pixel once."""
    kernel = defocus_kernel(*parameters).to(images.device)
    half = len(kernel) // 2
    planes = F.pad(images.flatten(0, 1)[:, None], (half,) * 4, mode="reflect")
    return F.conv2d(planes, kernel[None, None]).view_as(images)


def clipped_zoom(images: Tensor, factor: float) -> Tensor:
    """The middle of (B, C, H, W), enlarged by ``factor``: bilinear, corner pixels on corner pixels, cut to H×W."""
    height, width = images.shape[-2:]
    rows, columns = (math.ceil(n / factor) for n in (height, width))
    top, left = (height - rows) // 2, (width - columns) // 2
    crop = images[..., top : top + rows, left : left + columns]
    size = (round(rows * factor), round(columns * factor))
    large = crop if size == (rows, columns) else F.interpolate(crop, size, mode="bilinear", align_corners=True)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return large[..., top : top + height, left : left + width]


def zoom_blur(images: Tensor, parameters: tuple[float, float], draws: Draws) -> Tensor:
    """The mean of the image and its enlargements by 1, 1 + step, …, below ``end``; parameters are (end, step).

    As published, ``numpy.arange`` lists the factors; rounding lets it include the end at some severities.
    """
    end, step = parameters
    factors = np.arange(1, end, step)
    total = images.clone()
    for factor in factors.tolist():
        total += clipped_zoom(images, factor)
    return total / (len(factors) + 1)
