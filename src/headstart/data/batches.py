"""Batches of a split, and their normalisation, on the device the images are on.

Shapes: B images, C channels, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from headstart.data.dataset import Split
from headstart.errors import HeadstartError

__all__ = ["batches", "normalize"]


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


def batches(
    split: Split,
    batch_size: int,
    *,
    generator: torch.Generator | None = None,
    shuffle: bool,
    drop_last: bool,
) -> Iterator[tuple[Tensor, Tensor]]:
    """One pass over a split.

    Args:
        split: on any device; the batches are on the same one.
        batch_size: images in a batch.
        generator: draws the order when shuffling; its state moves on, so that each pass has its own order. A
            CPU generator gives the same order whatever device the split is on.
        shuffle: a fresh order, or the split's own.
        drop_last: leave out a last batch that is not full.

    Yields:
        (images, labels): uint8 (batch_size, C, H, W) and int64 (batch_size,).

    Raises:
        HeadstartError: if the batch size is below 1, if shuffling without a generator, or if ``drop_last``
            would leave no batch at all.
    """
    if batch_size < 1:
        raise HeadstartError(f"expected a batch size of 1 or more, got {batch_size}")
    if shuffle and generator is None:
        raise HeadstartError(
            "shuffle=True needs a generator, so that the order can be repeated: "
            "pass generator=torch.Generator().manual_seed(seed)"
        )
    if drop_last and len(split) < batch_size:
        raise HeadstartError(
            f"a batch size of {batch_size} with drop_last leaves no batch of {len(split)} images: "
            "choose a smaller batch size or drop_last=False"
        )
    order = None
    if shuffle:
        assert generator is not None
        order = torch.randperm(len(split), generator=generator, device=generator.device)
        order = order.to(split.labels.device)
    return _batches(split, order, batch_size, drop_last)


def _batches(split: Split, order: Tensor | None, batch_size: int, drop_last: bool) -> Iterator[tuple[Tensor, Tensor]]:
    end = len(split) - len(split) % batch_size if drop_last else len(split)
    for start in range(0, end, batch_size):
        index = slice(start, min(start + batch_size, end))
        chosen = index if order is None else order[index]
        part = split[chosen]
        yield part.images, part.labels
