"""ImageNet-1k by folder: ``train/`` and ``val/`` with a folder for each of the thousand WordNet numbers.

J. Deng et al., 2009; O. Russakovsky et al., 2015. The archives can be downloaded only with an account.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from headstart.data.formats.folders import read_folders
from headstart.data.listing import Listing
from headstart.data.source import Source

__all__ = ["SOURCES"]

MAPPING = "LOC_synset_mapping.txt"


def read_imagenet(folder: Path) -> Listing:
    """The validation images are the test set, as is usual: the official test labels are not public."""
    listing = read_folders(folder)
    names = _names(folder)
    parts = ["test" if part == "val" else part for part in listing.parts]
    return replace(listing, classes=tuple(names.get(c, c) for c in listing.classes), parts=parts)


def _names(folder: Path) -> dict[str, str]:
    """From ``LOC_synset_mapping.txt``, which the Kaggle release carries beside ``ILSVRC/``: a number and names."""
    places = (folder, *folder.absolute().parents[:3])
    file = next((place / MAPPING for place in places if (place / MAPPING).is_file()), None)
    if file is None:
        return {}
    pairs = [line.partition(" ") for line in file.read_text().splitlines()]
    names = {wnid: words.split(",")[0].strip() for wnid, _, words in pairs}
    shared = {name for name in names.values() if list(names.values()).count(name) > 1}
    return {wnid: f"{name} ({wnid})" if name in shared else name for wnid, name in names.items()}


SOURCES = (
    Source(
        name="imagenet",
        title="ImageNet-1k (ILSVRC 2012)",
        homepage="https://image-net.org/",
        licence="for non-commercial research and education, under the terms of access",
        citation="O. Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge, IJCV 2015 "
        "(arXiv:1409.0575)",
        files=(),
        folders=("", "ILSVRC/Data/CLS-LOC"),
        needs=("train/n01440764", "val/n01440764"),
        read=read_imagenet,
        counts={"train": 1_281_167, "test": 50_000},
        classes=1_000,
        image_size=224,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        flip_ok=True,
        note="The validation images are the test set; sort them into class folders as the training images are.",
    ),
)
