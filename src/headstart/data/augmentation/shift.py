"""Shift and mirror: one index operation on the device the images are on.

Shapes: B images, C channels, H rows, W columns.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from headstart.errors import HeadstartError

__all__ = ["augment"]


def augment(images: Tensor, generator: torch.Generator, *, crop: int = 0, flip: bool = False) -> Tensor:
    """Shift and mirror each image by its own random draw.

    Crop: pad by ``crop`` zeros on every side and cut out H × W at an offset uniform over (2·crop + 1)²
    places. Flip: mirror left to right with probability 1/2. Both happen in a single gather. On uint8 images
    the padding is black, as in common practice: augment first, then :func:`normalize`.

    Args:
        images: (B, C, H, W), any dtype, any device.
        generator: the draws are made on its device; a CPU generator gives the same draws whatever the images
            are on.
        crop: padding in pixels; 0 leaves the position.
        flip: whether to mirror.

    Returns:
        (B, C, H, W), same dtype and device.

    Raises:
        HeadstartError: if the images have no batch axis or ``crop`` is negative.
    """
    if images.ndim != 4:
        raise HeadstartError(f"expected images of shape (batch, channels, height, width), got {tuple(images.shape)}")
    if crop < 0:
        raise HeadstartError(f"expected crop as a padding of 0 or more pixels, got {crop}")
    if not crop and not flip:
        return images
    batch, channels, height, width = images.shape
    device = images.device
    rows = torch.arange(height, device=device).expand(batch, height)
    columns = torch.arange(width, device=device).expand(batch, width)
    if flip:
        mirrored = torch.randint(2, (batch, 1), generator=generator, device=generator.device).to(device)
        columns = torch.where(mirrored.bool(), width - 1 - columns, columns)
    if crop:
        offsets = torch.randint(2 * crop + 1, (2, batch, 1), generator=generator, device=generator.device)
        dy, dx = offsets.to(device)
        rows, columns = rows + dy, columns + dx
    padded = functional.pad(images, (crop, crop, crop, crop))
    index = rows[:, :, None] * padded.shape[-1] + columns[:, None, :]
    index = index.reshape(batch, 1, height * width).expand(-1, channels, -1)
    return padded.flatten(2).gather(2, index).view(images.shape)
