"""Imagenette, version 2: ten easily told classes of ImageNet, 9,469 training and 3,925 test images.

The archive of 160 pixels (shorter side) is downloaded; those of 320 pixels and of full size are read too.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from headstart.data.formats.folders import read_folders
from headstart.data.listing import Listing
from headstart.data.source import RemoteFile, Source

__all__ = ["SOURCES"]

CLASSES = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}


def read_imagenette(folder: Path) -> Listing:
    """``train`` and ``val`` with a folder for each WordNet number; ``val`` is the test set."""
    listing = read_folders(folder)
    names = tuple(CLASSES.get(wnid, wnid) for wnid in listing.classes)
    parts = ["test" if part == "val" else part for part in listing.parts]
    return replace(listing, classes=names, parts=parts, notes=())


SOURCES = (
    Source(
        name="imagenette",
        title="Imagenette, ten easily told classes of ImageNet",
        homepage="https://github.com/fastai/imagenette",
        licence="Apache-2.0; the images are from ImageNet, for non-commercial research",
        citation="J. Howard, Imagenette, 2019",
        files=(
            RemoteFile(
                "https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-160.tgz",
                checksum="sha256:64d0c4859f35a461889e0147755a999a48b49bf38a7e0f9bd27003f10db02fe5",
                size=99_003_388,
                unpacks_to=200_000_000,
            ),
        ),
        folders=("imagenette2-160", "imagenette2-320", "imagenette2"),
        needs=("train/n01440764", "val/n01440764"),
        read=read_imagenette,
        counts={"train": 9_469, "test": 3_925},
        classes=10,
        image_size=160,
        flip_ok=True,
        note="The official validation images are the test set.",
    ),
)
