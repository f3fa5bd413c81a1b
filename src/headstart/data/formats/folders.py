"""Image files in folders: one folder for each class, perhaps within train/, val/ and test/."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from headstart.data.listing import EXTENSIONS, Listing, from_paths
from headstart.errors import HeadstartError

__all__ = ["PARTS", "class_folders", "part_folders", "read_folders"]

# What people call the three parts.
PARTS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip


def read_folders(root: Path) -> Listing:
    """A folder for each class, or ``train/``, ``val/`` and ``test/`` with one for each class in each.

    Class folders may hold folders and links to some; hidden files are passed over. Files that are no images by their
    ending, and folders beside the parts, are told in a note. Classes are numbered in alphabetical order.

    Raises:
        HeadstartError: if there are no class folders, only one, an empty one, or one in ``val/`` or ``test/`` that
            ``train/`` lacks.
    """
    parts = part_folders(root)
    if parts and "train" not in parts:
        raise HeadstartError(f"{root} has {', '.join(parts)} but no train folder: expected one of that name")
    classes = [folder.name for folder in class_folders(parts.get("train", root))]
    paths: list[Path] = []
    labels: list[int] = []
    kinds: list[str] = []
    others: Counter[str] = Counter()
    for kind, folder in (parts or {"": root}).items():
        for place in class_folders(folder):
            if place.name not in classes:
                raise HeadstartError(
                    f"{folder} has a class folder {place.name!r} that {parts['train']} lacks: "
                    "a model can't learn a class without training images"
                )
            found = list(_images(place, others))
            if not found:
                raise HeadstartError(f"the class folder {place} holds no image: fill or remove it")
            paths += found
            labels += [classes.index(place.name)] * len(found)
            kinds += [kind] * len(found)
    if len(classes) < 2:
        raise HeadstartError(
            f"expected two or more class folders in {parts.get('train', root)}, found one only: {classes[0]}"
        )
    listing = from_paths(root, paths, labels, kinds, classes)
    beside = [folder.name for folder in _folders(root) if parts and folder not in parts.values()]
    if beside:
        listing = listing.noting(f"passed over what lies beside the parts: {', '.join(beside)}")
    if others:
        endings = ", ".join(f"{count} {ending or 'without ending'}" for ending, count in others.most_common(5))
        listing = listing.noting(f"passed over {others.total()} files that are no images by their ending: {endings}")
    return listing


def part_folders(root: Path) -> dict[str, Path]:
    """The folders ``train``, ``val``, ``test`` (or another word for them) in ``root``, by part."""
    found: dict[str, Path] = {}
    for folder in _folders(root):
        kind = PARTS.get(folder.name.lower())
        if kind in found:
            raise HeadstartError(f"{root} has two folders for {kind}: {found[kind].name} and {folder.name}; keep one")
        if kind is not None:
            found[kind] = folder
    if list(found) == ["train"] and len(_folders(root)) > 1 and not _folders(found["train"]):
        return {}  # buses, cars and trains: one class among others
    return {kind: found[kind] for kind in ("train", "val", "test") if kind in found}


def class_folders(root: Path) -> list[Path]:
    """The folders in ``root``, in alphabetical order.

    Raises:
        HeadstartError: if there are none, saying what is there instead.
    """
    folders = _folders(root)
    if not folders:
        images = sum(entry.suffix.lower() in EXTENSIONS for entry in root.iterdir())
        instead = f"{images} images that lie in it directly" if images else "nothing of the kind"
        raise HeadstartError(
            f"expected a folder for each class in {root}, found {instead}: move the images of each class into a "
            "folder of its name, or name a CSV file with the columns path and label"
        )
    return folders


def _folders(root: Path) -> list[Path]:
    return sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _images(folder: Path, others: Counter[str]) -> Iterator[Path]:
    """Image files below ``folder`` in a fixed order; what else there is counts into ``others``."""
    met: set[str] = set()
    for place, names, files in os.walk(folder, onerror=_raise, followlinks=True):
        real = os.path.realpath(place)
        if real in met:  # a link to a folder around it would go round in circles
            names.clear()
            continue
        met.add(real)
        names[:] = sorted(name for name in names if not name.startswith("."))
        for file in sorted(files):
            if file.startswith("."):
                continue
            path = Path(place, file)
            if path.suffix.lower() in EXTENSIONS:
                yield path
            else:
                others[path.suffix.lower()] += 1


def _raise(error: OSError) -> None:
    """A folder that can't be looked into is not an empty one."""
    raise error
