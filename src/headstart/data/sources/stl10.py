"""STL-10: 5,000 training and 8,000 test images, colour 96×96, ten classes.

A. Coates, A. Ng, H. Lee, 2011. The 100,000 unlabelled images are not unpacked.
"""

from __future__ import annotations

from pathlib import Path

from headstart.data.formats.binary import read_planes
from headstart.data.source import Arrays, RemoteFile, Source

__all__ = ["SOURCES"]

CLASSES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
FILES = ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin")


def read_stl10(folder: Path) -> Arrays:
    splits = {part: read_planes(folder / f"{part}_X.bin", folder / f"{part}_y.bin") for part in ("train", "test")}
    return Arrays(splits, CLASSES)


SOURCES = (
    Source(
        name="stl10",
        title="STL-10, ten kinds of things in colour photos of 96×96",
        homepage="https://cs.stanford.edu/~acoates/stl10/",
        licence="not stated by the authors; the images are from ImageNet",
        citation="A. Coates, A. Ng, H. Lee, An Analysis of Single-Layer Networks in Unsupervised Feature Learning, "
        "AISTATS 2011",
        files=(
            RemoteFile(
                "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
                checksum="sha256:f31fd99273a1acb8609c8db427cebb1de3f71de77758cdc0e22956e1289b9866",
                size=2_640_397_119,
                # 13,000 images of 27,648 bytes and as many labels.
                unpacks_to=13_000 * (27_648 + 1),
                wanted=FILES,
            ),
        ),
        folders=("stl10_binary",),
        needs=FILES,
        read=read_stl10,
        counts={"train": 5_000, "test": 8_000},
        classes=10,
        image_size=96,
        flip_ok=True,
        note="The 100,000 unlabelled images are not unpacked.",
    ),
)
