"""Where a dataset's images lie while a model trains, and how batches of them come to the device.

On the device when they fit, so that a batch is one index operation there. Otherwise in the host's memory or a mapped
file: threads gather the next batches into pinned memory while the model works on this one, and the copy to the device
overlaps with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import torch
from torch import Tensor

from headstart.data.dataset import Dataset, Split

__all__ = ["WORKERS", "fetch", "fits", "to_device"]

WORKERS = 4  # threads that gather batches for another device
SHARE = 0.4  # of a GPU's free memory that images may take; the model, its gradients and activations need the rest


def fits(dataset: Dataset, device: torch.device) -> bool:
    """Whether all images of ``dataset`` may lie on ``device``: always on the CPU, where they are already."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return sum(_bytes(split) for split in (dataset.train, dataset.val, dataset.test)) <= SHARE * free


def fetch(
    split: Split, rows: Iterable[Tensor | slice], device: torch.device, workers: int = WORKERS
) -> Iterator[tuple[Tensor, Tensor]]:
    """The images and labels of each item of ``rows``, in order, on ``device``.

    Args:
        split: on ``device``, or on the CPU.
        rows: indices on the CPU, int64 (b,), or slices.
        device: where the batches are wanted.
        workers: threads that gather ahead, up to two batches each, when ``split`` lies elsewhere.

    Yields:
        uint8 (b, C, H, W) and int64 (b,).
    """
    here = split.labels.device
    if here.type == device.type:
        for chosen in rows:
            part = split[chosen if isinstance(chosen, slice) else to_device(chosen, here)]
            yield part.images, part.labels
        return
    wanted = iter(rows)
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[tuple[Tensor, Tensor]]] = deque(
            pool.submit(_gather, split, chosen, device) for chosen in islice(wanted, 2 * workers)
        )
        try:
            while ahead:
                images, labels = ahead.popleft().result()
                for chosen in islice(wanted, 1):
                    ahead.append(pool.submit(_gather, split, chosen, device))
                yield images.to(device, non_blocking=True), labels.to(device, non_blocking=True)
        finally:
            for future in ahead:
                future.cancel()


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A small CPU tensor on ``device``, without waiting for what the device is doing."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def _gather(split: Split, rows: Tensor | slice, device: torch.device) -> tuple[Tensor, Tensor]:
    part = split[rows]
    images, labels = part.images, part.labels
    return (images.pin_memory(), labels.pin_memory()) if device.type == "cuda" else (images, labels)


def _bytes(split: Split) -> int:
    channels, height, width = split.image_shape
    return len(split) * channels * height * width
