"""Posterize, solarize, autocontrast and equalize: each a table from grey level to grey level.

Shapes: B images, C channels, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from headstart.data.augmentation.kinds import Kind

__all__ = ["tabulate"]


def tabulate(images: Tensor, kinds: Tensor, masks: Tensor, thresholds: Tensor, possible: Collection[Kind]) -> Tensor:
    """Look up each level in the table of its image and channel.

    Posterize: level & mask. Solarize: 255 − level from the threshold on. Autocontrast: the least and greatest level of
    a channel become 0 and 255. Equalize: the levels of a channel become equally common. All four equal
    Pillow's bit for bit (where a device lacks float64, autocontrast within 1 level). On tensors, torchvision's
    autocontrast differs by 1 level in a few pixels, where a quotient is whole; the others are the same.

    Args:
        images: uint8 (B, C, H, W).
        kinds: int32 (B, 1), the numbers of :class:`Kind`.
        masks: int32 (B, 1); 255 where the kind is not posterize.
        thresholds: int32 (B, 1); 256 where the kind is not solarize.
        possible: what can be among the kinds; nothing else is computed.

    Returns:
        uint8 (B, C, H, W).
    """
    kinds, masks, thresholds = kinds[:, :, None], masks[:, :, None], thresholds[:, :, None]
    pixels = images.flatten(2).to(torch.int64)
    table = torch.arange(256, device=images.device, dtype=torch.int32)
    levels = table.expand(*images.shape[:2], 256)
    if Kind.POSTERIZE in possible:
        table = table & masks
    if Kind.SOLARIZE in possible:
        table = torch.where(levels < thresholds, table, 255 - table)
    if Kind.AUTOCONTRAST in possible:
        table = torch.where(kinds == Kind.AUTOCONTRAST.value, _stretched(pixels, levels), table)
    if Kind.EQUALIZE in possible:
        table = torch.where(kinds == Kind.EQUALIZE.value, _equalized(pixels, levels), table)
    return table.to(torch.uint8).expand(levels.shape).gather(2, pixels).view(images.shape)


def _stretched(pixels: Tensor, levels: Tensor) -> Tensor:
    """⌊level · scale − lo · scale⌋, scale = 255 / (hi − lo); a channel of one level stays: int32 (B, C, 256)."""
    # Pillow computes in double; a quotient that should be whole falls below it or not by its rounding.
    precise = torch.float32 if pixels.device.type == "mps" else torch.float64
    low, high = (edge[:, :, None] for edge in pixels.aminmax(dim=2))
    # A true quotient: ``255.0 / tensor`` would be 255 times the reciprocal, rounded twice.
    width = (high - low).to(precise)
    scale = torch.full_like(width, 255) / width
    table = (levels * scale - low * scale).clamp_(0, 255).to(torch.int32)
    return torch.where(high > low, table, levels)


def _equalized(pixels: Tensor, levels: Tensor) -> Tensor:
    """⌊(step / 2 + pixels below the level) / step⌋, step = ⌊(pixels below the greatest level) / 255⌋.

    int32 (B, C, 256). Channels of one level, and images so small that the step is 0, stay.
    """
    ones = torch.ones((), device=pixels.device, dtype=torch.int32).expand(pixels.shape)
    counts = torch.zeros_like(levels, memory_format=torch.contiguous_format).scatter_add_(2, pixels, ones)
    greatest = counts.gather(2, pixels.amax(2, keepdim=True))
    step = (pixels.shape[2] - greatest).div(255, rounding_mode="floor")
    below = counts.cumsum(2, dtype=torch.int32).sub_(counts)
    table = (below + step // 2).div(step.clamp(min=1), rounding_mode="floor").clamp_(max=255)
    return torch.where(step > 0, table, levels)
