"""CIFAR-10 and CIFAR-100 in their official binary layout: 50,000 training and 10,000 test images, colour 32×32.

A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. The archives that torchvision downloads
hold the same images pickled, which Headstart does not load.
"""

from __future__ import annotations

from pathlib import Path

import torch

from headstart.data.dataset import Split
from headstart.data.download import checksum_of
from headstart.data.formats.binary import read_records
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
RECORD_10, RECORD_100 = 1 + 3 * 32 * 32, 2 + 3 * 32 * 32
BATCH = 10_000  # images in a file of CIFAR-10


def read_cifar10(folder: Path) -> Arrays:
    """Read the six files, each checked by its size and published MD5.

    Raises:
        HeadstartError: if a file was cut or altered; names the file, what was expected and what was got.
    """
    splits = []
    for name, md5 in MD5_10.items():
        path = folder / name
        size = path.stat().st_size
        if size != BATCH * RECORD_10:
            raise HeadstartError(
                f"{path} is not whole: expected {BATCH * RECORD_10:,} bytes, got {size:,}; delete it and load again"
            )
        got = checksum_of(path, "md5")
        if got != f"md5:{md5}":
            raise HeadstartError(
                f"{path} was altered: expected MD5 {md5}, got {got.removeprefix('md5:')}; delete it and load again"
            )
        splits.append(read_records(path, label_bytes=1))
    *train, test = splits
    images, labels = torch.cat([s.images for s in train]), torch.cat([s.labels for s in train])
    return Arrays({"train": Split(images, labels), "test": test}, CLASSES_10)


def read_cifar100(folder: Path) -> Arrays:
    """Read the two files and the names of the hundred fine classes beside them."""
    classes = (folder / "fine_label_names.txt").read_text().split()
    splits = {part: read_records(folder / f"{part}.bin", label_bytes=2) for part in ("train", "test")}
    return Arrays(splits, tuple(classes))


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
        folders=("cifar-10-batches-bin",),
        needs=tuple(MD5_10),
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
        folders=("cifar-100-binary",),
        needs=("train.bin", "test.bin", "fine_label_names.txt"),
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
