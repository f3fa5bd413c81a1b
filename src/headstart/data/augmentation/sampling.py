"""Pixels taken from elsewhere: a border of one colour, and a gather by image.

Shapes: B images, C channels, H rows, W columns.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["bordered", "pick"]


def bordered(images: Tensor, by: int, fill: tuple[int, ...]) -> Tensor:
    """A border of ``by`` pixels on every side: (B, C, H + 2·by, W + 2·by).

    Args:
        images: (B, C, H, W).
        by: pixels.
        fill: the border's colour: C numbers, one for all channels, or none for black.
    """
    if not any(fill):
        return functional.pad(images, (by, by, by, by))
    if len(set(fill)) == 1:
        return functional.pad(images, (by, by, by, by), value=fill[0])
    # One channel at a time: a colour as a tensor would be made on the host and copied to the device in each step.
    return torch.cat([functional.pad(images[:, c : c + 1], (by, by, by, by), value=v) for c, v in enumerate(fill)], 1)


def pick(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """out[b, :, y, x] = images[b, :, rows[b, y, x], columns[b, y, x]].

    Args:
        images: (B, C, H', W').
        rows: integers, broadcast with ``columns`` to (B, H, W).
        columns: likewise.

    Returns:
        (B, C, H, W).
    """
    index = rows * images.shape[-1] + columns
    flat = index.flatten(1)[:, None].to(torch.int64).expand(-1, images.shape[1], -1)
    return images.flatten(2).gather(2, flat).view(*images.shape[:2], *index.shape[1:])
