"""Brightness, contrast, colour and sharpness: each a blend of the image with a version that has none of it.

Shapes: B images, C channels, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from headstart.data.augmentation.kinds import Kind

__all__ = ["enhance", "gray"]


def enhance(images: Tensor, kinds: Tensor, factors: Tensor, possible: Collection[Kind]) -> Tensor:
    """Blend: none + factor · (image − none), within 0 … 255 and rounded down, as Pillow's ``ImageEnhance``.

    ``none`` is black for brightness, the mean grey level for contrast, the grey image for colour, and a blurred image
    for sharpness; a factor of 1 leaves the image. Equals Pillow bit for bit. On tensors, torchvision's brightness is
    the same, and the others differ by 1 level in many pixels: ``none`` is rounded otherwise or not at all.

    Args:
        images: uint8 (B, C, H, W), C 1 or 3.
        kinds: int32 (B, 1), the numbers of :class:`Kind`.
        factors: float32 (B, 1); 1 where the kind is none of these.
        possible: what can be among the kinds; nothing else is computed.

    Returns:
        uint8 (B, C, H, W).
    """
    kinds, factors = kinds[:, :, None, None], factors[:, :, None, None]
    pixels = images.float()
    none = torch.zeros_like(factors)
    if Kind.CONTRAST in possible or Kind.COLOR in possible:
        level = gray(images)
        if Kind.CONTRAST in possible:
            count = level[0].numel()
            mean = (level.sum((1, 2, 3), keepdim=True) + count // 2).div(count, rounding_mode="floor")
            none = torch.where(kinds == Kind.CONTRAST.value, mean.float(), none)
        if Kind.COLOR in possible:
            none = torch.where(kinds == Kind.COLOR.value, level.float(), none)
    if Kind.SHARPNESS in possible:
        none = torch.where(kinds == Kind.SHARPNESS.value, _smooth(pixels), none)
    # A product and a sum, each rounded: fused into one, the result could differ from Pillow's.
    return (pixels - none).mul_(factors).add_(none).clamp_(0, 255).to(torch.uint8)


def gray(images: Tensor) -> Tensor:
    """Luma, (19595 R + 38470 G + 7471 B + 2¹⁵) / 2¹⁶ rounded down, or the image if it has one channel: int32, C = 1."""
    pixels = images.to(torch.int32)
    if images.shape[1] == 1:
        return pixels
    red, green, blue = pixels.split(1, dim=1)
    return (red * 19595).add_(green, alpha=38470).add_(blue, alpha=7471).add_(1 << 15) >> 16


def _smooth(pixels: Tensor) -> Tensor:
    """Each pixel 5/13 and its eight neighbours 1/13 each, rounded; pixels at the edge stay: float32."""
    if min(pixels.shape[-2:]) < 3:
        return pixels
    # Sums of whole numbers, so float32 is exact.
    inner = pixels[..., 1:-1, :]
    sums = (pixels[..., :-2, :] + inner).add_(pixels[..., 2:, :])
    sums = (sums[..., :-2] + sums[..., 1:-1]).add_(sums[..., 2:])
    out = pixels.clone()
    out[..., 1:-1, 1:-1] = sums.add_(inner[..., 1:-1], alpha=4).add_(6.5).div_(13).floor_()
    return out
