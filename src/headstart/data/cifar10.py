"""CIFAR-10 in its official binary layout: 50,000 training and 10,000 test images, colour 32×32, ten classes.

A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009;
https://www.cs.toronto.edu/~kriz/cifar.html Each record is one label byte and then the red, green and blue
planes, row by row: 1 + 3·32·32 = 3,073 bytes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from headstart.data.archive import unpack
from headstart.data.dataset import Split
from headstart.data.download import download, md5_of
from headstart.errors import HeadstartError

__all__ = ["CLASSES", "MEAN", "STD", "find_cifar10", "read_cifar10"]

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
# Over the 50,000 training images.
MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2470, 0.2435, 0.2616)

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
ARCHIVE_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
FOLDER = "cifar-10-batches-bin"
RECORD = 1 + 3 * 32 * 32
FILE_SIZE = 10_000 * RECORD
MD5 = {
    "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
}


def find_cifar10(place: Path | None, root: Path) -> Path:
    """The folder that holds the six files, unpacked or downloaded first if need be.

    Args:
        place: the folder itself, the one around it, or the official ``cifar-10-binary.tar.gz``; None for
            ``root``.
        root: where the archive is downloaded and unpacked, as ``root/cifar-10-batches-bin``.

    Raises:
        HeadstartError: if ``place`` doesn't hold the files, or if the archive can't be had or is not the
            official one.
    """
    folder = root / FOLDER
    if place is None:
        if _missing(folder):
            archive = root / URL.rsplit("/", 1)[-1]
            instead = f"If you have CIFAR-10 already, name it: cifar10:/path/to/{FOLDER} (or the .tar.gz)."
            if not archive.exists():
                download(URL, archive, md5=ARCHIVE_MD5, instead=instead)
            _unpack_official(archive, folder)
            archive.unlink()
        return folder
    if place.is_file():
        if _missing(folder):
            _unpack_official(place, folder)
        return folder
    for candidate in (place, place / FOLDER):
        if not _missing(candidate):
            return candidate
    nearest = place / FOLDER if (place / FOLDER).is_dir() else place
    raise HeadstartError(
        f"expected the six files of CIFAR-10's binary version in {nearest}, found no {_missing(nearest)[0]}: "
        f"name the folder {FOLDER}, the one around it, or the official cifar-10-binary.tar.gz"
    )


def read_cifar10(folder: Path) -> tuple[Split, Split]:
    """Read the six files, each checked by its size and published MD5.

    Returns:
        (pool, test): 50,000 images to carve training and validation splits from, and 10,000 test images, uint8
            (n, 3, 32, 32).

    Raises:
        HeadstartError: if a file was cut or altered; names the file, what was expected and what was got.
    """
    *train, test = (_read_batch(folder / name, md5) for name, md5 in MD5.items())
    images = torch.cat([batch.images for batch in train])
    labels = torch.cat([batch.labels for batch in train])
    return Split(images, labels), test


def _read_batch(path: Path, md5: str) -> Split:
    size = path.stat().st_size
    if size != FILE_SIZE:
        raise HeadstartError(
            f"{path} is not whole: expected {FILE_SIZE:,} bytes, got {size:,}; delete it and load again"
        )
    got = md5_of(path)
    if got != md5:
        raise HeadstartError(f"{path} was altered: expected MD5 {md5}, got {got}; delete it and load again")
    records = np.fromfile(path, dtype=np.uint8).reshape(-1, RECORD)
    images = records[:, 1:].reshape(-1, 3, 32, 32)
    return Split(torch.from_numpy(images), torch.from_numpy(records[:, 0].astype(np.int64)))


def _missing(folder: Path) -> list[str]:
    return [name for name in MD5 if not (folder / name).is_file()]


def _unpack_official(archive: Path, folder: Path) -> None:
    got = md5_of(archive)
    if got != ARCHIVE_MD5:
        raise HeadstartError(
            f"{archive} is not the official archive: expected MD5 {ARCHIVE_MD5}, got {got}; "
            f"delete it and download {URL} again"
        )
    unpack(archive, [f"{FOLDER}/{name}" for name in MD5], folder)
