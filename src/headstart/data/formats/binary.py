"""Plain bytes: CIFAR's records of labels and pixels, STL-10's planes of pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from headstart.data.dataset import Split
from headstart.errors import HeadstartError

__all__ = ["read_planes", "read_records"]


def read_records(path: Path, *, label_bytes: int, size: int = 32) -> Split:
    """CIFAR's layout: per image ``label_bytes`` label bytes, of which the last counts, and then 3·size² pixels.

    CIFAR-10 has one label byte; CIFAR-100 has two, the coarse label and the fine one. The pixels are the red,
    green and blue planes, row by row.

    Returns:
        uint8 (n, 3, size, size) and int64 (n,).

    Raises:
        HeadstartError: if the file is empty or does not hold whole records.
    """
    record = label_bytes + 3 * size * size
    records = _whole(path, record).reshape(-1, record)
    images = records[:, label_bytes:].reshape(-1, 3, size, size)
    return Split(torch.from_numpy(images), torch.from_numpy(records[:, label_bytes - 1].astype(np.int64)))


def read_planes(images: Path, labels: Path, *, size: int = 96) -> Split:
    """STL-10's layout: 3·size² pixels per image, each plane column by column; one byte per label, counted from 1.

    Returns:
        uint8 (n, 3, size, size) and int64 (n,) counted from 0.

    Raises:
        HeadstartError: if a file is empty or cut, or if there are not as many labels as images.
    """
    pixels = _whole(images, 3 * size * size).reshape(-1, 3, size, size).transpose(0, 1, 3, 2)
    given = _whole(labels, 1)
    if len(given) != len(pixels):
        raise HeadstartError(f"expected {len(pixels):,} labels in {labels}, one for each image, got {len(given):,}")
    return Split(torch.from_numpy(np.ascontiguousarray(pixels)), torch.from_numpy(given.astype(np.int64) - 1))


def _whole(path: Path, record: int) -> np.ndarray:
    size = path.stat().st_size
    if size == 0 or size % record:
        raise HeadstartError(
            f"{path} is not whole: expected records of {record:,} bytes, got {size:,} bytes; delete it and load again"
        )
    return np.fromfile(path, dtype=np.uint8)
