"""Random erasing (1708.04896): one rectangle of an image becomes noise.

Shapes: B images, C channels, H rows, W columns.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from headstart.data.augmentation.rectangles import draw_rectangles, uniform, whole_below
from headstart.data.augmentation.rows import gathers, where_wanted

__all__ = ["draw_erased", "erase", "noise"]

SHARE, RATIO = (0.02, 1 / 3), (0.3, 3.3)


def draw_erased(count: int, size: tuple[int, int], probability: float, generator: torch.Generator) -> Tensor:
    """What is erased: int64 (B, 5), as (top, left, height, width, seed of the noise); height 0 for nothing.

    Share of the area uniform in [0.02, 1/3], height / width log-uniform in [0.3, 3.3], ten tries, then nothing: as
    torchvision's ``RandomErasing``. (timm's differs in the ratio alone: up to 1/0.3.)
    """
    height, width = size
    heights, widths, found = draw_rectangles(count, size, SHARE, RATIO, generator, smaller=1)
    drawn = uniform(count, 4, generator)
    erased = found & (drawn[:, 0] < probability)
    tops = whole_below(drawn[:, 1], (height - heights + 1).clamp(min=1))
    lefts = whole_below(drawn[:, 2], (width - widths + 1).clamp(min=1))
    seeds = whole_below(drawn[:, 3], 2**31)
    return torch.stack([tops, lefts, heights * erased, widths, seeds], 1)


def erase(images: Tensor, erased: Tensor) -> Tensor:
    """Fill each image's rectangle with normal noise, each pixel and channel its own: timm's mode "pixel".

    Args:
        images: normalised, float (B, C, H, W).
        erased: int32 (B, 5) of :func:`draw_erased`.

    Returns:
        float (B, C, H, W).
    """
    images = images.clone() if gathers(images.device) else images
    return where_wanted(_erase, images, lambda: erased[:, 2] > 0, erased)


def _erase(images: Tensor, erased: Tensor) -> Tensor:
    filling = noise(erased[:, 4], images.shape[1:]).to(images.dtype)
    return torch.where(inside(erased[:, :4], images.shape[-2:]), filling, images)


def inside(boxes: Tensor, size: tuple[int, ...]) -> Tensor:
    """Whether a pixel is in its image's box (top, left, height, width): bool (B, 1, H, W)."""
    top, left, height, width = (edge[:, None, None] for edge in boxes.split(1, dim=1))
    rows = torch.arange(size[0], device=boxes.device)[:, None]
    columns = torch.arange(size[1], device=boxes.device)
    tall = (rows >= top) & (rows < top + height)
    return tall & (columns >= left) & (columns < left + width)


def noise(seeds: Tensor, shape: tuple[int, ...] | torch.Size) -> Tensor:
    """Normal noise of a row's own: float32 (B, *shape), a function of the row's seed and the pixel's index alone.

    A device's generator would draw by place in the batch, so a slice of a batch would get other noise. Here
    the two halves of a 32-bit hash of (seed, index) are two uniform numbers u, v in (0, 1) with 16 bits each, and
    √(−2 ln u) · cos(2πv) and the same with the sine are normal (Box–Muller), within ±4.9: one for a pixel of the first
    half of the image, one for the second. Devices agree up to the last digits of ln and cos.

    Args:
        seeds: int32 (B,), 0 to 2³¹ − 1.
        shape: of one image.

    >>> noise(torch.tensor([7, 8]), (2,))[1].equal(noise(torch.tensor([8]), (2,))[0])
    True
    """
    count = math.prod(shape)
    index = torch.arange((count + 1) // 2, device=seeds.device)
    bits = _mixed(_mixed(seeds.to(torch.int64))[:, None] ^ index)
    u, v = ((half.float() + 0.5) / 2**16 for half in (bits >> 16, bits & 0xFFFF))
    radius, angle = u.log_().mul_(-2).sqrt_(), v.mul_(2 * math.pi)
    return torch.cat([radius * angle.cos(), radius * angle.sin()], 1)[:, :count].reshape(-1, *shape)


def _mixed(x: Tensor) -> Tensor:
    """A one-to-one scrambling of 32-bit numbers kept in int64, where a product with 31 bits cannot overflow."""
    for _ in range(2):
        x = ((x ^ (x >> 16)) * 0x45D9F3B) & 0xFFFFFFFF
    return x ^ (x >> 16)
