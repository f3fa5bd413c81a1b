"""Food-101: 75,750 training and 25,250 test images of 101 dishes; some training labels are wrong.

L. Bossard, M. Guillaumin, L. Van Gool, 2014.
"""

from __future__ import annotations

from pathlib import Path

from headstart.data.listing import Listing, from_paths
from headstart.data.source import RemoteFile, Source

__all__ = ["SOURCES"]


def read_food(folder: Path) -> Listing:
    """``meta/classes.txt`` numbers the classes; ``meta/train.txt`` and ``test.txt`` name images as CLASS/NUMBER."""
    classes = (folder / "meta" / "classes.txt").read_text().split()
    place = {name: label for label, name in enumerate(classes)}
    paths, labels, parts = [], [], []
    for part in ("train", "test"):
        for line in (folder / "meta" / f"{part}.txt").read_text().split():
            paths.append(folder / "images" / f"{line}.jpg")
            labels.append(place.get(line.partition("/")[0], -1))
            parts.append(part)
    return from_paths(folder, paths, labels, parts, [name.replace("_", " ") for name in classes])


SOURCES = (
    Source(
        name="food101",
        title="Food-101, dishes",
        homepage="https://data.vision.ee.ethz.ch/cvl/datasets_extra/food-101/",
        licence="not stated by the authors; the photos are from Foodspotting and under its terms",
        citation="L. Bossard, M. Guillaumin, L. Van Gool, Food-101: Mining Discriminative Components with Random "
        "Forests, ECCV 2014",
        files=(
            RemoteFile(
                "http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz",
                checksum="sha256:d97d15e438b7f4498f96086a4f7e2fa42a32f2712e87d3295441b2b6314053a4",
                size=4_996_278_331,
                unpacks_to=7_000_000_000,
            ),
        ),
        folders=("food-101",),
        needs=("images", "meta/classes.txt", "meta/train.txt", "meta/test.txt"),
        read=read_food,
        counts={"train": 75_750, "test": 25_250},
        classes=101,
        image_size=224,
        flip_ok=True,
        note="The training labels were left uncleaned by the authors.",
    ),
)
