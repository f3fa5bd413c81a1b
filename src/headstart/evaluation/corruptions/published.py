"""The published files: CIFAR-10-C and CIFAR-100-C as arrays, ImageNet-C as folders of JPEGs.

Shapes: n images, C channels, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from headstart.data import Split
from headstart.errors import HeadstartError
from headstart.evaluation.corruptions.tables import CORRUPTIONS, GROUPS, SEVERITIES

__all__ = ["Published", "PublishedArrays", "PublishedFolders", "open_published"]

EXTENSIONS = {".jpeg", ".jpg", ".png"}


@dataclass(frozen=True)
class PublishedArrays:
    """``NAME.npy`` for each corruption, uint8 (5·n, H, W, 3), severity 1 first, and ``labels.npy`` (5·n,)."""

    suite: ClassVar[str] = "cifar-c"
    folder: Path
    labels: Tensor  # (n,)

    def batches(self, name: str, severity: int, chosen: Tensor, size: int) -> Iterator[Split]:
        """The chosen images of one corruption and severity, ``size`` at a time; only these are read."""
        pixels = _array(self.folder / f"{name}.npy")
        block = pixels[(severity - 1) * len(self.labels) : severity * len(self.labels)]
        for part in chosen.split(size):
            images = torch.from_numpy(block[part.numpy()]).permute(0, 3, 1, 2).contiguous()
            yield Split(images, self.labels[part])


@dataclass(frozen=True)
class PublishedFolders:
    """``NAME/SEVERITY/CLASS/*.JPEG``, each corruption in the folder itself or in that of its group (``noise/``, …)."""

    suite: ClassVar[str] = "imagenet-c"
    folder: Path
    classes: tuple[str, ...]  # the folders' names, in label order
    count: int
    pixels: tuple[int, int]

    def batches(self, name: str, severity: int, chosen: Tensor, size: int) -> Iterator[Split]:
        """The chosen images of one corruption and severity, ``size`` at a time, decoded as they are asked for."""
        place = _place(self.folder, name)
        assert place is not None
        files = _files(place / str(severity), self.classes)
        if len(files) != self.count:
            raise HeadstartError(
                f"{place / str(severity)} is incomplete: expected {self.count} images, as many as the test set has, "
                f"found {len(files)}; unpack the archive again."
            )
        for part in chosen.split(size):
            some = [files[i] for i in part.tolist()]
            yield Split(torch.stack([self._read(path) for path, _ in some]), torch.tensor([label for _, label in some]))

    def _read(self, path: Path) -> Tensor:
        with Image.open(path) as file:
            pixels = torch.from_numpy(np.array(file.convert("RGB"))).permute(2, 0, 1)
        if pixels.shape[1:] != self.pixels:
            got = "×".join(str(n) for n in pixels.shape[1:])
            raise HeadstartError(
                f"{path} has {got} pixels, the test images {self.pixels[0]}×{self.pixels[1]}: the published images "
                "serve models of their own size."
            )
        return pixels


Published = PublishedArrays | PublishedFolders


def open_published(
    folder: str | Path, test: Split, classes: Sequence[str], corruptions: Sequence[str] = CORRUPTIONS
) -> Published:
    """The published files in ``folder``, checked against the clean test set that they were made from.

    Args:
        folder: of CIFAR-10-C or CIFAR-100-C (``labels.npy`` is in it), or of ImageNet-C or a part of its classes.
        test: the clean test images, in their official order.
        classes: their names in label order. ImageNet-C's folders are WordNet numbers: they are found as a class's
            name or in brackets behind it; where there are as many folders as classes, in alphabetical order.
        corruptions: those that will be asked for.

    Raises:
        HeadstartError: if the folder is not there, lacks a file, or belongs to other images.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise HeadstartError(f"there is no folder {folder}; name the unpacked CIFAR-10-C or ImageNet-C.")
    if (folder / "labels.npy").is_file() or any((folder / f"{name}.npy").is_file() for name in CORRUPTIONS):
        return _open_arrays(folder, test, corruptions)
    return _open_folders(folder, test, tuple(classes), corruptions)


def _open_arrays(folder: Path, test: Split, corruptions: Sequence[str]) -> PublishedArrays:
    missing = [name for name in ("labels", *corruptions) if not (folder / f"{name}.npy").is_file()]
    if missing:
        _incomplete(folder, [f"{name}.npy" for name in missing])
    labels = torch.from_numpy(_array(folder / "labels.npy").astype(np.int64))
    expected = test.labels.cpu().repeat(5)
    if not torch.equal(labels, expected):
        differ = f"{len(labels)} labels" if len(labels) != len(expected) else f"{(labels != expected).sum()} other ones"
        raise HeadstartError(
            f"{folder / 'labels.npy'} belongs to other images: expected the {len(test)} labels of the test set five "
            f"times over, found {differ}. CIFAR-10-C goes with cifar10, CIFAR-100-C with cifar100."
        )
    channels, height, width = test.image_shape
    for name in corruptions:
        array = _array(folder / f"{name}.npy")
        if array.shape != (len(labels), height, width, channels) or array.dtype != np.uint8:
            raise HeadstartError(
                f"{folder / name}.npy holds {array.dtype} of shape {array.shape}, expected uint8 of shape "
                f"{(len(labels), height, width, channels)}, as the test images are."
            )
    return PublishedArrays(folder, labels[: len(test)])


def _open_folders(folder: Path, test: Split, classes: tuple[str, ...], corruptions: Sequence[str]) -> PublishedFolders:
    missing = [
        f"{name}/{severity}"
        for name in corruptions
        for severity in SEVERITIES
        if not ((place := _place(folder, name)) and (place / str(severity)).is_dir())
    ]
    if missing:
        _incomplete(folder, missing)
    first = _place(folder, corruptions[0])
    assert first is not None
    there = sorted(path.name for path in (first / "1").iterdir() if path.is_dir())
    by_name = [next((one for one in there if name == one or name.endswith(f"({one})")), None) for name in classes]
    if all(by_name):
        names = tuple(str(name) for name in by_name)
    elif len(there) == len(classes):
        names = tuple(there)
    else:
        lost = [name for name, found in zip(classes, by_name, strict=True) if found is None]
        raise HeadstartError(
            f"{first / '1'} belongs to other images: it has {len(there)} folders of classes, expected the "
            f"{len(classes)} of the run; none is named {', '.join(lost[:3])}{', …' * (len(lost) > 3)}."
        )
    _, height, width = test.image_shape
    return PublishedFolders(folder, names, len(test), (height, width))


def _incomplete(folder: Path, missing: list[str]) -> None:
    more = f" and {len(missing) - 4} more" if len(missing) > 4 else ""
    raise HeadstartError(
        f"{folder} is incomplete: found no {', '.join(missing[:4])}{more}. Expected the files of CIFAR-10-C (NAME.npy, "
        "labels.npy) or the folders of ImageNet-C (NAME/SEVERITY/CLASS); choose fewer corruptions, or unpack it again."
    )


def _place(folder: Path, name: str) -> Path | None:
    group = next(group for group, names in GROUPS.items() if name in names)
    return next((place for place in (folder / name, folder / group / name) if place.is_dir()), None)


def _files(folder: Path, classes: Sequence[str]) -> list[tuple[Path, int]]:
    """Every image and its label, class after class."""
    return [
        (path, label)
        for label, name in enumerate(classes)
        for path in (sorted((folder / name).iterdir()) if (folder / name).is_dir() else ())
        if path.suffix.lower() in EXTENSIONS
    ]


def _array(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise HeadstartError(f"{path} is no whole array of numpy ({error}); download it again.") from None
