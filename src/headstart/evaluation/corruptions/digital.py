"""What digital processing leaves: low contrast, large pixels, JPEG's blocks.

Shapes: B images, C channels, H rows, W columns; images float32 (B, C, H, W) in [0, 1].
"""

from __future__ import annotations

from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from headstart.evaluation.corruptions.draws import Draws
from headstart.evaluation.corruptions.linear import box_resize

__all__ = ["contrast", "jpeg", "jpeg_compression", "pixelate"]


def contrast(images: Tensor, factor: float, draws: Draws) -> Tensor:
    """(x − m)·factor + m, m the mean of each channel over the image."""
    mean = images.mean((2, 3), keepdim=True)
    return (images - mean) * factor + mean


def pixelate(images: Tensor, share: float, draws: Draws) -> Tensor:
    """Reduced to ⌊share·H⌋×⌊share·W⌋ pixels and enlarged again, both by Pillow's box filter, level for level."""
    height, width = images.shape[-2:]
    levels = (images.double() * 255).round()
    small = box_resize(levels, int(height * share), int(width * share))
    return (box_resize(small, height, width) / 255).float()


def jpeg_compression(images: Tensor, quality: int, draws: Draws) -> Tensor:
    """Written as JPEG of that quality and read again; see :func:`jpeg`."""
    return jpeg((images * 255).round().to(torch.uint8), quality).float() / 255


def jpeg(images: Tensor, quality: int) -> Tensor:
    """uint8 (B, C, H, W) through Pillow's JPEG, with its usual 4:2:0 chroma; on the host, whatever the device.

    One channel is written as grey, which gives the same luminance as three equal ones.
    """

    def through(pixels: np.ndarray) -> np.ndarray:
        file = BytesIO()
        Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file)).reshape(pixels.shape)

    pixels = images.permute(0, 2, 3, 1).cpu().numpy()
    out = np.stack([through(image) for image in pixels])
    return torch.from_numpy(out).permute(0, 3, 1, 2).to(images.device)
