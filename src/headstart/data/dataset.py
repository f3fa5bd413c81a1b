"""Labelled images as tensors: one split, and a dataset of three.

Shapes: n images, C channels, H rows, W columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from headstart.data.normalizing import normalize
from headstart.data.permuting import permute_pixels
from headstart.errors import HeadstartError

__all__ = ["Dataset", "Split"]


@dataclass(frozen=True)
class Split:
    """Images and their labels, kept whole in memory so that a batch is one index operation.

    Args:
        images: uint8 (n, C, H, W), values 0 to 255.
        labels: int64 (n,), class indices.

    Raises:
        HeadstartError: on another shape or dtype, or when the two lengths differ.

    >>> len(Split(torch.zeros(5, 1, 8, 8, dtype=torch.uint8), torch.arange(5)))
    5
    """

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.ndim != 4 or images.dtype != torch.uint8:
            raise HeadstartError(
                f"expected images as uint8 of shape (n, channels, height, width), got {_kind(images)}: "
                "scale the pixels to 0..255 and add the missing axis"
            )
        if labels.shape != images.shape[:1] or labels.dtype != torch.int64:
            raise HeadstartError(
                f"expected labels as int64 of shape ({len(images)},), one for each image, got {_kind(labels)}"
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of each image; known without reading any."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def __getitem__(self, index: Tensor | slice) -> Split:
        """The images that ``index`` (a tensor of indices or a slice) chooses, as another split."""
        return Split(self.images[index], self.labels[index])

    def to(self, device: torch.device | str) -> Split:
        """The same split on ``device``."""
        return Split(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Dataset:
    """Three splits and what is known of all their images.

    Args:
        name: as in :func:`headstart.data.dataset_names`.
        classes: the name of each class, in label order.
        train: what a model learns from.
        val: carved from the training images; chooses between settings.
        test: used once, at the end.
        mean: of each channel over the training images, pixels scaled to [0, 1].
        std: standard deviation, likewise.
        flip_ok: whether a mirrored image keeps its label; recipes flip only then.
        content: of the user's own images, 16 hexadecimal digits that change when a file, a label or a part does;
            empty for a known dataset, whose name says what it holds.
        places: where each pixel that a model sees lies in the stored image, int64 (H·W,), when the patches are to be
            shown in another order: see :func:`~headstart.data.permuting.patch_permutation`.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    val: Split
    test: Split
    mean: tuple[float, ...]
    std: tuple[float, ...]
    flip_ok: bool = False
    content: str = ""
    places: Tensor | None = None

    @property
    def channels(self) -> int:
        return self.train.image_shape[0]

    @property
    def image_size(self) -> int | tuple[int, int]:
        """The side of square images in pixels, else (height, width)."""
        _, height, width = self.train.image_shape
        return height if height == width else (height, width)

    def arrange(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) with their patches where a model sees them: as they are, unless they are permuted."""
        return images if self.places is None else permute_pixels(images, self.places.to(images.device))

    def seen(self, images: Tensor) -> Tensor:
        """Stored images (B, C, H, W) as a model sees them: normalised and arranged, float32."""
        return self.arrange(normalize(images, self.mean, self.std))

    def to(self, device: torch.device | str) -> Dataset:
        """The same dataset with all three splits on ``device``."""
        places = None if self.places is None else self.places.to(device)
        splits = {name: getattr(self, name).to(device) for name in ("train", "val", "test")}
        return replace(self, **splits, places=places)


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"
