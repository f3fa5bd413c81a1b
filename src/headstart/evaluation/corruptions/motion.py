"""Blur along a straight path, as a moving camera leaves it.

Shapes: B images, C channels, H rows, W columns; images float32 (B, C, H, W) in [0, 1].
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from headstart.evaluation.corruptions.draws import Draws
from headstart.evaluation.corruptions.levels import floored

__all__ = ["motion_blur", "smear"]

NEGLIGIBLE = 1e-5  # of the largest weight: a two-hundredth of a level at most


def smear(images: Tensor, radius: int, sigma: float, degrees: Tensor) -> Tensor:
    """ImageMagick's motion blur: out[p] = Σ_i w_i · x[p + ⌈i·(sin θ, cos θ) − 1/2⌉], i = 0 … 2·radius.

    w_i is exp(−i²/2σ²), normalised: the path starts at the pixel and goes one way. Border pixels repeat outwards.

    Args:
        images: to be blurred.
        radius: half the length of the path in pixels.
        sigma: σ, how far along the path its weight reaches.
        degrees: θ of each image (B,), from the direction of growing columns towards that of growing rows.

    Returns:
        The same shape, cut down to levels, as version 6.9 writes its PNG.
    """
    batch, channels, height, width = images.shape
    weights = torch.exp(-0.5 * (torch.arange(2 * radius + 1, dtype=torch.float64) / sigma) ** 2)
    weights = weights / weights.sum()
    taps = int((weights > NEGLIGIBLE * weights[0]).sum())
    turn = degrees.double()[:, None] * (math.pi / 180)
    steps = torch.arange(taps, device=images.device)
    down, right = (torch.ceil(steps * part - 0.5).long() for part in (turn.sin(), turn.cos()))
    padded = F.pad(images, (taps,) * 4, mode="replicate").flatten(2)
    stride = width + 2 * taps
    rows, columns = torch.arange(height, device=images.device), torch.arange(width, device=images.device)
    here = ((rows[:, None] + taps) * stride + columns + taps).flatten()
    out = torch.zeros(batch, channels, height * width, device=images.device)
    for step, weight in enumerate(weights[:taps].tolist()):
        index = here + (down[:, step] * stride + right[:, step])[:, None]
        out.add_(padded.gather(2, index[:, None].expand(-1, channels, -1)), alpha=weight)
    return floored(out.view_as(images))


def motion_blur(images: Tensor, parameters: tuple[int, float], draws: Draws) -> Tensor:
    """:func:`smear` with parameters (radius, σ) in pixels, in a direction drawn from −45° to 45°."""
    radius, sigma = parameters
    return smear(images, radius, sigma, draws.uniform(-45, 45, 1)[:, 0])
