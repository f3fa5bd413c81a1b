"""One call from a name or a path to a dataset in three splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from headstart.data import digits
from headstart.data.collection import Collection, Part, from_listing, from_splits
from headstart.data.dataset import Dataset
from headstart.data.disk import data_root
from headstart.data.formats.parquet import find_tables, read_tables
from headstart.data.listing import Listing
from headstart.data.locate import at_hand, locate, verify
from headstart.data.own import own_images
from headstart.data.say import tell
from headstart.data.source import Arrays, Source, check_counts
from headstart.data.sources import SOURCES
from headstart.data.spec import parse_spec, spec_name
from headstart.data.splits import carve, chosen
from headstart.errors import HeadstartError

__all__ = ["find_public", "load_collection", "load_dataset"]

TEST_FRACTION = 0.2
TEST_SEED = 0


def load_dataset(
    spec: str,
    *,
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
    _warn_of_leakage(found, spec)
    train, mean, std = found.parts["train"], found.mean, found.std
    if "test" in found.parts:
        test = found.parts["test"]
    else:
        kept, held_back = carve(train.split, TEST_FRACTION, TEST_SEED, first=_first_copies(train))
        # In file order, not in that of the draw, so that carving from the rest begins as it would anywhere.
        train, test = train[kept.sort().values], train[held_back]
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
    return Dataset(found.name, found.classes, train.split[order], val.split, test.split, mean, std, found.flip_ok)


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
        return _public(SOURCES[name], place, options, root, image_size, max_bad)
    assert place is not None
    listing = own_images(place, options)
    # Nobody but the owner knows whether left and right matter.
    return from_listing(spec_name(spec), listing, root, size=image_size, max_bad=max_bad, flip_ok=True)


def find_public(source: Source, root: Path) -> tuple[Path, dict[str, int]]:
    """Get a public dataset if it is not at hand, read it, and return its folder and the images of each part.

    Raises:
        HeadstartError: if it can't be had, or is not what its authors released.
    """
    folder, content = _read(source, None, {}, root)
    return folder, _counted(source, content, folder)


def _public(
    source: Source, place: Path | None, options: Mapping[str, str], root: Path, image_size: int | None, max_bad: float
) -> Collection:
    folder, content = _read(source, place, options, root)
    _counted(source, content, folder)
    # At another size than the official one the published statistics no longer hold.
    official = image_size in (None, source.image_size)
    mean, std = (source.mean, source.std) if official else (None, None)
    if isinstance(content, Listing):
        size, flip_ok = image_size or source.image_size, source.flip_ok
        return from_listing(source.name, content, root, size=size, max_bad=max_bad, flip_ok=flip_ok, mean=mean, std=std)
    splits, classes = content.splits, content.classes
    return from_splits(source.name, classes, splits, mean=mean, std=std, flip_ok=source.flip_ok, size=image_size)


def _read(source: Source, place: Path | None, options: Mapping[str, str], root: Path) -> tuple[Path, Arrays | Listing]:
    """Where the dataset was found and what is there: its official layout, or Hugging Face's tables of it."""
    if place is not None and place.is_dir() and not at_hand(source, place):
        tables = find_tables(place)
        if tables:
            return place, read_tables(place, tables, options)
    folder = locate(source, place, root)
    for file in source.files:
        if file.unpacks_to is None and (folder / file.name).is_file():
            verify(folder / file.name, file)
    return folder, source.read(folder)


def _counted(source: Source, content: Arrays | Listing, folder: Path) -> dict[str, int]:
    """The images of each part; raise if they or the classes are not as many as the authors released."""
    if isinstance(content, Listing):
        # Where there is no official split, all images are for training until one is carved.
        counts = dict(Counter(part or "train" for part in content.parts))
    else:
        counts = {part: len(split) for part, split in content.splits.items()}
    check_counts(source, counts, folder)
    if len(content.classes) != source.classes:
        raise HeadstartError(
            f"{folder} holds {len(content.classes)} classes of {source.name}, expected {source.classes}"
        )
    return counts


def _first_copies(part: Part) -> Tensor | None:
    """For each image the index of the first one with the same pixels; None where that was never hashed."""
    if part.digests is None:
        return None
    _, first, inverse = np.unique(part.digests, axis=0, return_index=True, return_inverse=True)
    return torch.from_numpy(first[inverse.reshape(-1)].astype(np.int64))


def _warn_of_leakage(found: Collection, spec: str) -> None:
    """Say so where images of a given part are in the training part too; only if their hashes are known already."""
    known = {kind: part.digests for kind, part in found.parts.items() if part.digests is not None}
    train = {row.tobytes() for row in known.pop("train", ())}
    for kind, digests in known.items():
        count = sum(row.tobytes() in train for row in digests)
        if count:
            tell(f"LEAKAGE: {count:,} of {len(digests):,} {kind} images are in train too; headstart data check {spec}")
