"""Oxford-IIIT Pets: 3,680 training and 3,669 test images of 37 breeds of cats and dogs.

O. Parkhi, A. Vedaldi, A. Zisserman, C. Jawahar, 2012.
"""

from __future__ import annotations

from pathlib import Path

from headstart.data.listing import Listing, from_paths
from headstart.data.source import RemoteFile, Source

__all__ = ["SOURCES"]

URL = "https://www.robots.ox.ac.uk/~vgg/data/pets/data/"


def read_pets(folder: Path) -> Listing:
    """``annotations/trainval.txt`` and ``test.txt``: a file's stem, its breed counted from 1, and two more numbers."""
    paths, labels, parts = [], [], []
    classes: dict[int, str] = {}
    for name, part in (("trainval", "train"), ("test", "test")):
        for line in (folder / "annotations" / f"{name}.txt").read_text().splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            stem, label = line.split()[:2]
            classes[int(label) - 1] = stem.rpartition("_")[0].replace("_", " ")
            paths.append(folder / "images" / f"{stem}.jpg")
            labels.append(int(label) - 1)
            parts.append(part)
    return from_paths(folder, paths, labels, parts, [classes[label] for label in sorted(classes)])


SOURCES = (
    Source(
        name="pets",
        title="Oxford-IIIT Pets, breeds of cats and dogs",
        homepage="https://www.robots.ox.ac.uk/~vgg/data/pets/",
        licence="CC BY-SA 4.0",
        citation="O. Parkhi, A. Vedaldi, A. Zisserman, C. Jawahar, Cats and Dogs, CVPR 2012",
        files=(
            RemoteFile(
                URL + "images.tar.gz",
                checksum="sha256:67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
                size=791_918_971,
                unpacks_to=1_200_000_000,
                wanted=(".jpg",),
            ),
            RemoteFile(
                URL + "annotations.tar.gz",
                checksum="sha256:52425fb6de5c424942b7626b428656fcbd798db970a937df61750c0f1d358e91",
                size=19_173_078,
                unpacks_to=10_000_000,
                wanted=("/trainval.txt", "/test.txt", "/list.txt"),  # not the outlines and boxes
            ),
        ),
        folders=("", "oxford-iiit-pet"),
        needs=("images", "annotations/trainval.txt", "annotations/test.txt"),
        read=read_pets,
        counts={"train": 3_680, "test": 3_669},
        classes=37,
        image_size=224,
        flip_ok=True,
    ),
)
