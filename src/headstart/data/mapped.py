"""A split whose images lie in a memory-mapped file and are read when they are asked for."""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.data.dataset import Split

__all__ = ["MappedSplit"]


class MappedSplit(Split):
    """Some of the images of a store, in some order, without reading any of them yet.

    To choose from it with a tensor or a slice gives another one; only :attr:`images` reads. A batch therefore costs
    its own images, and a dataset may be larger than the memory.

    Args:
        store: uint8 (m, C, H, W), as ``torch.from_numpy`` makes it of a ``numpy.memmap``.
        rows: int64 (n,), which image of the store each one is.
        labels: int64 (n,), class indices.

    >>> store = torch.arange(3, dtype=torch.uint8).view(3, 1, 1, 1)
    >>> split = MappedSplit(store, torch.tensor([2, 0]), torch.tensor([1, 0]))
    >>> split[1:].images.tolist(), len(split), split.image_shape
    ([[[[0]]]], 2, (1, 1, 1))
    """

    # Beside the dataclass that it is a Split of: its images are not a field here but are gathered when asked for.
    def __init__(self, store: Tensor, rows: Tensor, labels: Tensor) -> None:
        Split(store[:0], labels[:0])  # checks shapes and types without reading an image
        object.__setattr__(self, "store", store)
        object.__setattr__(self, "rows", rows)
        object.__setattr__(self, "labels", labels)

    store: Tensor
    rows: Tensor

    @property
    def images(self) -> Tensor:
        """All images of the split, read into memory: uint8 (n, C, H, W)."""
        return self.store[self.rows]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        channels, height, width = self.store.shape[1:]
        return channels, height, width

    def __repr__(self) -> str:
        return f"MappedSplit({len(self)} images of shape {self.image_shape})"

    def __getitem__(self, index: Tensor | slice) -> MappedSplit:
        return MappedSplit(self.store, self.rows[index], self.labels[index])

    def to(self, device: torch.device | str) -> Split:
        """Itself on the CPU; on another device all images, read into its memory."""
        if torch.device(device).type == "cpu":
            return self
        return Split(self.images.to(device), self.labels.to(device))
