"""Tiny-ImageNet: 100,000 training images of 200 classes, colour 64×64; the 10,000 validation images are the test set.

The official test images have no labels.
"""

from __future__ import annotations

from pathlib import Path

from headstart.data.listing import Listing, from_paths
from headstart.data.source import RemoteFile, Source

__all__ = ["SOURCES"]


def read_tiny_imagenet(folder: Path) -> Listing:
    """``wnids.txt`` numbers the classes, ``words.txt`` names them, ``val_annotations.txt`` labels the rest."""
    wnids = (folder / "wnids.txt").read_text().split()
    lines = (folder / "words.txt").read_text().splitlines()
    words = dict(line.split("\t", 1) for line in lines if "\t" in line)
    paths, labels, parts = [], [], []
    for label, wnid in enumerate(wnids):
        found = sorted((folder / "train" / wnid / "images").glob("*.JPEG"))
        paths += found
        labels += [label] * len(found)
        parts += ["train"] * len(found)
    for line in (folder / "val" / "val_annotations.txt").read_text().splitlines():
        name, wnid = line.split("\t")[:2]
        paths.append(folder / "val" / "images" / name)
        labels.append(wnids.index(wnid) if wnid in wnids else -1)
        parts.append("test")
    # "goldfish, Carassius auratus": the first word is enough, unless two classes share it.
    short = [words.get(wnid, wnid).split(",")[0].strip() for wnid in wnids]
    classes = [name if short.count(name) == 1 else f"{name} ({wnid})" for name, wnid in zip(short, wnids, strict=True)]
    return from_paths(folder, paths, labels, parts, classes)


SOURCES = (
    Source(
        name="tiny_imagenet",
        title="Tiny-ImageNet, 200 classes of ImageNet at 64×64",
        homepage="http://cs231n.stanford.edu/",
        licence="not stated by the authors; the images are from ImageNet, for non-commercial research",
        citation="Y. Le, X. Yang, Tiny ImageNet Visual Recognition Challenge, Stanford CS 231N, 2015",
        files=(
            RemoteFile(
                "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
                checksum="md5:90528d7ca1a48142e341f4ef8d21d0de",
                size=248_100_043,
                unpacks_to=500_000_000,
            ),
        ),
        folders=("tiny-imagenet-200",),
        needs=("wnids.txt", "words.txt", "train", "val/val_annotations.txt"),
        read=read_tiny_imagenet,
        counts={"train": 100_000, "test": 10_000},
        classes=200,
        image_size=64,
        flip_ok=True,
        note="The official validation images are the test set, since the official test images have no labels.",
    ),
)
