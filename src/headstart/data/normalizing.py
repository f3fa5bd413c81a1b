"""Stored images as a model sees them.

Shapes: B images, C channels, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from headstart.errors import HeadstartError

__all__ = ["normalize"]


def normalize(images: Tensor, mean: Sequence[float] | Tensor, std: Sequence[float] | Tensor) -> Tensor:
    """Give each channel zero mean and unit standard deviation: (images / 255 - mean) / std.

    Args:
        images: uint8 (B, C, H, W).
        mean: C numbers, of pixels scaled to [0, 1]; where batches come fast, as a tensor on the images' device, so that
            nothing has to be copied there.
        std: C numbers, likewise.

    Returns:
        float32 (B, C, H, W).

    Raises:
        HeadstartError: if the images are not uint8 or the channels are not C.

    >>> normalize(torch.full((1, 1, 1, 1), 255, dtype=torch.uint8), [0.5], [0.25]).item()
    2.0
    """
    if images.dtype != torch.uint8:
        raise HeadstartError(
            f"expected images as uint8, 0 to 255, got {images.dtype}: normalize once, after augmentation"
        )
    if not images.shape[-3] == len(mean) == len(std):
        raise HeadstartError(
            f"expected one mean and one std for each of {images.shape[-3]} channels, got {len(mean)} and {len(std)}"
        )
    shift = torch.as_tensor(mean, device=images.device, dtype=torch.float32)[:, None, None]
    scale = torch.as_tensor(std, device=images.device, dtype=torch.float32)[:, None, None]
    return images.to(torch.float32).div_(255).sub_(shift).div_(scale)
