"""Describable Textures Dataset, first of its ten official splits: three times 1,880 images of 47 textures.

M. Cimpoi, S. Maji, I. Kokkinos, S. Mohamed, A. Vedaldi, 2014.
"""

from __future__ import annotations

from pathlib import Path

from headstart.data.listing import Listing, from_paths
from headstart.data.source import RemoteFile, Source

__all__ = ["SOURCES"]


def read_dtd(folder: Path) -> Listing:
    """``labels/train1.txt``, ``val1.txt`` and ``test1.txt`` name images as CLASS/FILE."""
    lines = {part: (folder / "labels" / f"{part}1.txt").read_text().split() for part in ("train", "val", "test")}
    classes = sorted({line.partition("/")[0] for line in lines["train"]})
    place = {name: label for label, name in enumerate(classes)}
    paths, labels, parts = [], [], []
    for part, names in lines.items():
        for name in names:
            paths.append(folder / "images" / name)
            labels.append(place.get(name.partition("/")[0], -1))
            parts.append(part)
    return from_paths(folder, paths, labels, parts, classes)


SOURCES = (
    Source(
        name="dtd",
        title="Describable Textures Dataset",
        homepage="https://www.robots.ox.ac.uk/~vgg/data/dtd/",
        licence="for research, as the authors' page says",
        citation="M. Cimpoi, S. Maji, I. Kokkinos, S. Mohamed, A. Vedaldi, Describing Textures in the Wild, CVPR 2014",
        files=(
            RemoteFile(
                "https://www.robots.ox.ac.uk/~vgg/data/dtd/download/dtd-r1.0.1.tar.gz",
                checksum="sha256:e42855a52a4950a3b59612834602aa253914755c95b0cff9ead6d07395f8e205",
                size=625_239_812,
                unpacks_to=1_000_000_000,
            ),
        ),
        folders=("dtd", "dtd/dtd"),
        needs=("images", "labels/train1.txt", "labels/val1.txt", "labels/test1.txt"),
        read=read_dtd,
        counts={"train": 1_880, "val": 1_880, "test": 1_880},
        classes=47,
        image_size=224,
        flip_ok=True,
        note="The first of the ten official splits.",
    ),
)
