"""A dataset as it was found: the parts it comes in, before a validation split is carved."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from headstart.data.cache import decoded
from headstart.data.dataset import Split
from headstart.data.filling import digest
from headstart.data.listing import Listing
from headstart.data.mapped import MappedSplit
from headstart.errors import HeadstartError

__all__ = ["Collection", "Part", "from_listing", "from_splits"]


@dataclass(frozen=True)
class Part:
    """Images that belong together, with a name for each if there is one.

    Args:
        split: n images.
        names: n names, or none: then image i is called by its number.
        digests: uint8 (n, 16), equal for equal pixels; None: not computed yet.
        sums: int64 (n, C, 2), sum and sum of squares of each image's pixel values; None: not computed.
    """

    split: Split
    names: Sequence[str] = ()
    digests: np.ndarray | None = None
    sums: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.split)

    def name(self, index: int) -> str:
        return self.names[index] if self.names else f"image {index}"

    def __getitem__(self, index: Tensor) -> Part:
        """The images of these numbers, with all that is known of them."""
        rows = index.numpy()
        names = [self.names[i] for i in rows] if self.names else ()
        digests = None if self.digests is None else self.digests[rows]
        return Part(self.split[index], names, digests, None if self.sums is None else self.sums[rows])

    def statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of each channel, pixels scaled to [0, 1]; exact."""
        if self.sums is None:
            return _statistics(self.split.images)
        _, height, width = self.split.image_shape
        return _from_sums(self.sums.sum(0), len(self) * height * width)

    def hashed(self) -> np.ndarray:
        """uint8 (n, 16), equal for equal pixels."""
        if self.digests is not None:
            return self.digests
        images = self.split.images.cpu().numpy()
        return np.frombuffer(b"".join(digest(image) for image in images), dtype=np.uint8).reshape(-1, 16)


@dataclass(frozen=True)
class Collection:
    """Images in one to three parts, ``"train"`` among them, and what is known of them.

    Args:
        name: of the dataset.
        classes: name of each class, in label order.
        parts: ``"train"`` and perhaps ``"val"`` and ``"test"``.
        mean: of each channel over the training images, pixels scaled to [0, 1].
        std: standard deviation, likewise.
        flip_ok: whether a mirrored image keeps its label.
        bad: name and reason of images that were left out.
        notes: what a person should know.
        content: see :class:`~headstart.data.dataset.Dataset`.

    Raises:
        HeadstartError: if labels are out of range.
    """

    name: str
    classes: tuple[str, ...]
    parts: dict[str, Part]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    flip_ok: bool
    bad: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    content: str = ""

    def __post_init__(self) -> None:
        for kind, part in self.parts.items():
            labels = part.split.labels
            wrong = ((labels < 0) | (labels >= len(self.classes))).nonzero().flatten()
            if len(wrong):
                first = int(wrong[0])
                raise HeadstartError(
                    f"{kind} {part.name(first)} of {self.name} has label {int(labels[first])}: "
                    f"expected 0 to {len(self.classes) - 1}, for {len(self.classes)} classes"
                )


def from_splits(
    name: str,
    classes: Iterable[str],
    splits: Mapping[str, Split],
    *,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
    flip_ok: bool = False,
    size: int | None = None,
) -> Collection:
    """A collection of images that are in memory; mean and std are computed from the training images unless given.

    ``size`` resizes them to another side (bilinear, antialiased).
    """
    height, width = splits["train"].image_shape[1:]
    if size is not None and (height, width) != (size, size):
        splits = {kind: Split(_resized(split.images, size), split.labels) for kind, split in splits.items()}
        mean = std = None  # resizing smooths: the published deviation no longer holds
    if mean is None or std is None:
        mean, std = _statistics(splits["train"].images)
    return Collection(name, tuple(classes), {k: Part(s) for k, s in splits.items()}, mean, std, flip_ok)


def from_listing(
    name: str,
    listing: Listing,
    root: Path,
    *,
    size: int | None,
    max_bad: float,
    flip_ok: bool,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
) -> Collection:
    """A collection of encoded images, decoded through the cache below ``root``; mean and std as for splits."""
    images = decoded(listing, name, root, size=size, max_bad=max_bad)
    kinds = np.array([listing.parts[i] or "train" for i in images.kept])
    labels = torch.tensor(listing.labels, dtype=torch.int64)[torch.from_numpy(images.kept)]
    parts = {}
    for kind in ("train", "val", "test"):
        rows = np.flatnonzero(kinds == kind)
        if len(rows):
            chosen = torch.from_numpy(rows)
            names = [listing.names[i] for i in images.kept[rows]]
            split = MappedSplit(images.store, chosen, labels[chosen])
            parts[kind] = Part(split, names, images.digests[rows], images.sums[rows])
    if "train" not in parts:
        raise HeadstartError(f"{name} has no training images: expected a part named train")
    if mean is None or std is None:
        mean, std = parts["train"].statistics()
    found = Collection(name, listing.classes, parts, mean, std, flip_ok)
    return replace(found, bad=images.bad, notes=listing.notes, content=_content(images.content, listing))


def _content(files: str, listing: Listing) -> str:
    """A hash of the files and of what the listing says of each; not of their names, which may change in a move."""
    said = json.dumps([files, list(listing.classes), list(listing.labels), list(listing.parts)])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Exact, by counting values: no floating-point copy of the images."""
    values = np.arange(256, dtype=np.int64)
    counts = np.zeros((images.shape[1], 256), dtype=np.int64)
    for chunk in images.split(1024):
        for channel in range(len(counts)):
            counts[channel] += np.bincount(chunk[:, channel].reshape(-1).numpy(), minlength=256)
    return _from_sums(np.stack([counts @ values, counts @ values**2], axis=1), int(counts[0].sum()))


def _from_sums(sums: np.ndarray, pixels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, pixels scaled to [0, 1], from (C, 2) sums and sums of squares."""
    mean = sums[:, 0] / pixels / 255
    variance = sums[:, 1] / pixels / 255**2 - mean**2
    # A channel of one value has no deviation; 1 leaves it at zero instead of dividing by zero.
    std = np.where(variance > 1e-12, np.sqrt(np.maximum(variance, 0)), 1.0)
    return tuple(mean.tolist()), tuple(std.tolist())


def _resized(images: Tensor, size: int) -> Tensor:
    chunks = []
    for chunk in images.split(1024):
        smooth = functional.interpolate(chunk.float(), (size, size), mode="bilinear", antialias=True)
        chunks.append(smooth.round_().clamp_(0, 255).to(torch.uint8))
    return torch.cat(chunks)
