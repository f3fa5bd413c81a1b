"""Some classes of a dataset without the others, so that a model can be asked about classes that it has never seen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import torch

from headstart.data.collection import Collection, Part
from headstart.data.dataset import Split
from headstart.data.mapped import MappedSplit
from headstart.errors import HeadstartError, unknown

__all__ = ["class_numbers", "keep_classes"]

WORDS = {"train": "training", "val": "validation", "test": "test"}


def class_numbers(text: str, names: Sequence[str]) -> list[int]:
    """The classes that ``text`` chooses, as ascending label numbers.

    Args:
        text: parts with commas between, each the name of a class, its number from 0, or a range of numbers ``a-b``,
            both ends meant. A name goes before a number, and spaces around a part are nothing.
        names: of all classes, in label order.

    Raises:
        HeadstartError: for a part that is no class, a range that runs backwards, and no class at all.

    >>> class_numbers("0-2,truck", ["plane", "car", "bird", "cat", "truck"])
    [0, 1, 2, 4]
    """
    numbers: set[int] = set()
    for part in (part.strip() for part in text.split(",")):
        found = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if part in names:
            numbers.add(names.index(part))
        elif found:
            first, last = int(found[1]), int(found[2] or found[1])
            if not first <= last < len(names):
                raise HeadstartError(
                    f"classes: expected numbers from 0 to {len(names) - 1}, the smaller first, got {part!r}; "
                    f"for example classes=0-{len(names) - 2}."
                )
            numbers.update(range(first, last + 1))
        else:
            raise unknown("class", part, names)
    return sorted(numbers)


def keep_classes(found: Collection, text: str) -> Collection:
    """``found`` with the images of the chosen classes alone, numbered anew from 0 in the old order.

    Mean and standard deviation are those of the training images that are left: the others are not to be known.

    Raises:
        HeadstartError: as :func:`class_numbers` does, for fewer than two classes, and for a part without image of them.
    """
    kept = class_numbers(text, found.classes)
    if len(kept) < 2:
        raise HeadstartError(f"classes: expected two or more of {found.name} to tell apart, got {text!r}.")
    number = torch.full((len(found.classes),), -1)
    number[kept] = torch.arange(len(kept))
    parts = {kind: _chosen(part, number) for kind, part in found.parts.items()}
    empty = [WORDS[kind] for kind, part in parts.items() if not len(part)]
    if empty:
        also = "" if "training" in empty else ", or leave that part out to have one carved"
        raise HeadstartError(
            f"{found.name} has no {' and no '.join(empty)} image of classes={text}: choose others{also}."
        )
    mean, std = parts["train"].statistics()
    classes = tuple(found.classes[k] for k in kept)
    return replace(found, classes=classes, parts=parts, mean=mean, std=std)


def _chosen(part: Part, number: torch.Tensor) -> Part:
    """The images whose class has a new number of 0 or more, under it."""
    labels = number[part.split.labels]
    left = part[(labels >= 0).nonzero().flatten()]
    split, labels = left.split, labels[labels >= 0]
    # A mapped split stays one: its images are not read for this.
    renumbered = (
        MappedSplit(split.store, split.rows, labels) if isinstance(split, MappedSplit) else Split(split.images, labels)
    )
    return replace(left, split=renumbered)
