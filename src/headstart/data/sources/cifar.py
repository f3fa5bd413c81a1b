"""CIFAR-10 and CIFAR-100 in their official binary layout: 50,000 training and 10,000 test images, colour 32×32.

A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. What torchvision downloads, the Python
version, is read too where it lies, without unpickling it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from headstart.data.dataset import Split
from headstart.data.download import checksum_of
from headstart.data.formats.binary import read_records
from headstart.data.formats.opcodes import read_lists
from headstart.data.source import Arrays, RemoteFile, Source
from headstart.errors import HeadstartError

__all__ = ["SOURCES"]

HOMEPAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"
CITATION = "A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, technical report, 2009"
LICENCE = "not stated by the authors"

CLASSES_10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
MD5_10 = {
    "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
}
# The same batches in the Python version; checked too, so that only the published bytes are ever looked into.
MD5_10_PYTHON = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
MD5_100_PYTHON = {
    "train": "16019d7e3df5f24257cddd939b257f8d",
    "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
    "meta": "7973b15100ade9c7d40fb424638fde48",
}
KEYS = frozenset(
    ("data", "labels", "fine_labels", "coarse_labels", "filenames", "batch_label", "fine_label_names",
     "coarse_label_names")
)  # fmt: skip
RECORD_10 = 1 + 3 * 32 * 32
BATCH = 10_000  # images in a file of CIFAR-10


def read_cifar10(folder: Path) -> Arrays:
    """Read the six files of the binary or the Python version, each checked by its published MD5.

    Raises:
        HeadstartError: if a file was cut or altered; names the file, what was expected and what was got.
    """
    splits = []
    for name, plain in zip(MD5_10, MD5_10_PYTHON, strict=True):
        path = folder / name
        if not path.exists():
            splits.append(_python_batch(folder / plain, MD5_10_PYTHON[plain], "labels"))
            continue
        size = path.stat().st_size
        if size != BATCH * RECORD_10:
            raise HeadstartError(
                f"{path} is not whole: expected {BATCH * RECORD_10:,} bytes, got {size:,}; delete it and load again"
            )
        _verify(path, MD5_10[name])
        splits.append(read_records(path, label_bytes=1))
    *train, test = splits
    images, labels = torch.cat([s.images for s in train]), torch.cat([s.labels for s in train])
    return Arrays({"train": Split(images, labels), "test": test}, CLASSES_10)


def read_cifar100(folder: Path) -> Arrays:
    """Read the two files of the binary or the Python version, and the names of the hundred fine classes beside them."""
    names, parts = folder / "fine_label_names.txt", ("train", "test")
    if names.exists():
        splits = {part: read_records(folder / f"{part}.bin", label_bytes=2) for part in parts}
        return Arrays(splits, tuple(names.read_text().split()))
    splits = {part: _python_batch(folder / part, MD5_100_PYTHON[part], "fine_labels") for part in parts}
    _verify(folder / "meta", MD5_100_PYTHON["meta"])
    classes = read_lists(folder / "meta", KEYS)["fine_label_names"]
    return Arrays(splits, tuple(str(name) for name in classes))


def _python_batch(path: Path, md5: str, key: str) -> Split:
    _verify(path, md5)
    lists = read_lists(path, KEYS)
    labels = torch.tensor([value for value in lists.get(key, []) if isinstance(value, int)])
    # Beside the pixels there are only the short names of their type.
    pixels = max((value for value in lists.get("data", []) if isinstance(value, str)), key=len, default="")
    if not len(labels) or len(pixels) != len(labels) * 3 * 32 * 32:
        raise HeadstartError(
            f"{path} holds {len(labels):,} labels and {len(pixels):,} bytes of pixels: expected 3,072 for each label"
        )
    images = np.frombuffer(bytearray(pixels, "latin-1"), dtype=np.uint8).reshape(-1, 3, 32, 32)
    return Split(torch.from_numpy(images), labels.to(torch.int64))


def _verify(path: Path, md5: str) -> None:
    got = checksum_of(path, "md5").removeprefix("md5:")
    if got != md5:
        raise HeadstartError(f"{path} was altered: expected MD5 {md5}, got {got}; delete it and load again")


SOURCES = (
    Source(
        name="cifar10",
        title="CIFAR-10, ten kinds of things in colour photos",
        homepage=HOMEPAGE,
        licence=LICENCE,
        citation=CITATION,
        files=(
            RemoteFile(
                "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                checksum="md5:c32a1d4ab5d03f1284b67883e8d87530",
                size=170_052_171,
                # Six files of 30,730,000 bytes, and a page and a list of names.
                unpacks_to=184_400_000,
            ),
        ),
        folders=("cifar-10-batches-bin", "cifar-10-batches-py"),
        needs=tuple(f"{name}|{plain}" for name, plain in zip(MD5_10, MD5_10_PYTHON, strict=True)),
        read=read_cifar10,
        counts={"train": 50_000, "test": 10_000},
        classes=10,
        image_size=32,
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
        flip_ok=True,
        note="Each of the six files is checked by its published MD5 at every load.",
    ),
    Source(
        name="cifar100",
        title="CIFAR-100, a hundred kinds of things in colour photos",
        homepage=HOMEPAGE,
        licence=LICENCE,
        citation=CITATION,
        files=(
            RemoteFile(
                "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
                checksum="md5:03b5dce01913d631647c71ecec9e9cb8",
                size=168_513_733,
                # 60,000 records of 3,074 bytes, and two lists of names.
                unpacks_to=184_450_000,
            ),
        ),
        folders=("cifar-100-binary", "cifar-100-python"),
        needs=("train.bin|train", "test.bin|test", "fine_label_names.txt|meta"),
        read=read_cifar100,
        counts={"train": 50_000, "test": 10_000},
        classes=100,
        image_size=32,
        mean=(0.5071, 0.4865, 0.4409),
        std=(0.2673, 0.2564, 0.2762),
        flip_ok=True,
        note="The labels are the hundred fine ones.",
    ),
)
