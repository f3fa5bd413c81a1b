"""One call from a name or a path to a dataset in three splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from headstart.data import digits
from headstart.data.choosing import keep_classes
from headstart.data.collection import Collection, Part, from_listing, from_splits
from headstart.data.dataset import Dataset
from headstart.data.disk import data_root
from headstart.data.oddities import tell_oddities
from headstart.data.own import own_images
from headstart.data.public import public_images
from headstart.data.sources import SOURCES
from headstart.data.spec import parse_spec, spec_name
from headstart.data.splits import carve, chosen
from headstart.errors import HeadstartError

__all__ = ["load_collection", "load_dataset"]

TEST_FRACTION = 0.2
TEST_SEED = 0


def load_dataset(
    spec: str,
    *,
    classes: str | None = None,
    limit: int | None = None,
    per_class: int | None = None,
    fraction: float | None = None,
    val_fraction: float = 0.1,
    seed: int = 0,
    image_size: int | None = None,
    max_bad: float = 0.01,
    root: Path | None = None,
) -> Dataset:
    """Load a dataset on the CPU, split into train, validation and test.

    Official (or the user's own) splits are kept. Where there is no validation split, one is carved from the
    training images, stratified, by ``seed``; where there is no test split, a stratified fifth is set aside that never
    depends on any argument. Copies of an image file stay on one side. Then ``limit``, ``per_class`` or ``fraction``
    keeps some of the training images, stratified too: for one seed the first 10 % are among the first 25 %, and the
    validation images are the same for all.

    Args:
        spec: one of :func:`~headstart.data.dataset_names`, such as ``"digits"`` (carried in the package) or
            ``"cifar10"`` (downloaded once if not at hand); a name and where its files lie, such as
            ``"cifar10:/data"``; or the path of the user's own images: a folder with one for each class, perhaps
            within ``train``, ``val``, ``test``; a CSV or parquet file; a Hugging Face dataset directory. Columns can
            be named behind it, as in ``"photos.parquet:label=kind"`` (also ``image=`` and ``split=``).
        classes: keep these classes alone, in all splits: names, numbers and ranges of numbers, ``"0-6"`` or
            ``"cat,dog"``; all unless given. What is carved and counted, and mean and std, are of what is kept.
        limit: number of training images; all unless given.
        per_class: number of training images of each class.
        fraction: share of the training images, in (0, 1].
        val_fraction: share of the training images held back for validation, in [0, 1), where there is no such split.
        seed: of the validation split and the choice.
        image_size: side in pixels to resize to; by the dataset unless given.
        max_bad: share of the image files that may be left out because they can't be decoded. They are named on stderr.
        root: where downloads and decoded images are kept; ``$HEADSTART_DATA`` unless given, else
            ``~/.cache/headstart``.

    Raises:
        HeadstartError: on an unknown name, on files that are missing, cut or altered, on a failed download,
            or on a number out of range.

    >>> data = load_dataset("digits", limit=100)
    >>> len(data.train), len(data.val), len(data.test), data.image_size, data.channels
    (100, 144, 359, 8, 1)
    """
    found = load_collection(spec, image_size=image_size, max_bad=max_bad, root=root)
    if classes is not None:
        found = keep_classes(found, classes)
    tell_oddities(found, spec)
    train, mean, std = found.parts["train"], found.mean, found.std
    if "test" in found.parts:
        test = found.parts["test"]
    else:
        kept, held_back = carve(train.split, TEST_FRACTION, TEST_SEED, first=_first_copies(train))
        # In file order, not in that of the draw, so that carving from the rest begins as it would anywhere.
        train, test = train[kept.sort().values], train[held_back]
        if not len(test):
            raise HeadstartError(f"{len(train)} images of {spec} are too few to set some aside as a test: add images")
        # Only now is it known which images are for training.
        mean, std = train.statistics()
    if "val" in found.parts:
        val = found.parts["val"]
        order, _ = carve(train.split, 0.0, seed, first=_first_copies(train))
    else:
        order, held_back = carve(train.split, val_fraction, seed, first=_first_copies(train))
        val = train[held_back]
    order = order[
        chosen(train.split.labels[order], len(found.classes), limit=limit, per_class=per_class, fraction=fraction)
    ]
    splits = (train.split[order], val.split, test.split)
    return Dataset(found.name, found.classes, *splits, mean, std, found.flip_ok, found.content)


def load_collection(
    spec: str, *, image_size: int | None = None, max_bad: float = 0.01, root: Path | None = None
) -> Collection:
    """What ``spec`` names, in the parts it comes in; arguments and errors as for :func:`load_dataset`."""
    name, place, options = parse_spec(spec)
    root = data_root(root)
    if name == "digits":
        if place is not None:
            raise HeadstartError(f"digits is carried in the package and takes no path, got {spec!r}: use 'digits'")
        pool, test = digits.read_digits()
        return from_splits(name, digits.CLASSES, {"train": pool, "test": test}, size=image_size)
    if name is not None:
        return public_images(SOURCES[name], place, options, root, image_size, max_bad)
    assert place is not None
    listing = own_images(place, options)
    # Nobody but the owner knows whether left and right matter.
    return from_listing(spec_name(spec), listing, root, size=image_size, max_bad=max_bad, flip_ok=True)


def _first_copies(part: Part) -> Tensor | None:
    """For each image the index of the first one with the same pixels; None where that was never hashed."""
    if part.digests is None:
        return None
    _, first, inverse = np.unique(part.digests, axis=0, return_index=True, return_inverse=True)
    return torch.from_numpy(first[inverse.reshape(-1)].astype(np.int64))
