"""A public dataset read from where it lies, and compared with what its authors released."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from headstart.data.collection import Collection, from_listing, from_splits
from headstart.data.dataset import Split
from headstart.data.formats.parquet import find_tables, read_tables
from headstart.data.listing import Listing
from headstart.data.locate import at_hand, locate, verify
from headstart.data.source import Arrays, Source, check_counts
from headstart.errors import HeadstartError

__all__ = ["find_public", "public_images"]


def find_public(source: Source, root: Path) -> tuple[Path, dict[str, int]]:
    """Get a public dataset if it is not at hand, read it, and return its folder and the images of each part.

    Raises:
        HeadstartError: if it can't be had, or is not what its authors released.
    """
    folder, content = _read(source, None, {}, root)
    return folder, _counted(source, content, folder)


def public_images(
    source: Source, place: Path | None, options: Mapping[str, str], root: Path, image_size: int | None, max_bad: float
) -> Collection:
    """A public dataset from ``place``, from ``root`` or its official address; errors as for :func:`find_public`."""
    folder, content = _read(source, place, options, root)
    _counted(source, content, folder)
    # At another size than the official one the published statistics no longer hold.
    official = image_size in (None, source.image_size)
    mean, std = (source.mean, source.std) if official else (None, None)
    if isinstance(content, Listing):
        size, flip_ok = image_size or source.image_size, source.flip_ok
        found = from_listing(
            source.name, content, root, size=size, max_bad=max_bad, flip_ok=flip_ok, mean=mean, std=std
        )
        return replace(found, content="")  # its name says what it holds
    splits, classes = content.splits, content.classes
    _refuse_other_images(source, splits["train"], folder)
    return from_splits(source.name, classes, splits, mean=mean, std=std, flip_ok=source.flip_ok, size=image_size)


def _read(source: Source, place: Path | None, options: Mapping[str, str], root: Path) -> tuple[Path, Arrays | Listing]:
    """Where the dataset was found and what is there: its official layout, or Hugging Face's tables of it."""
    if place is not None and place.is_dir() and not at_hand(source, place):
        tables = find_tables(place)
        if tables:
            return place, _with_test(source, read_tables(place, tables, options))
    folder = locate(source, place, root)
    for file in source.files:
        if file.unpacks_to is None:
            verify(folder / file.name, file)
    return folder, source.read(folder)


def _with_test(source: Source, listing: Listing) -> Listing:
    """Where the authors' validation images are the test set here, a table's are too."""
    if "val" in source.counts or "test" in listing.parts:
        return listing
    return replace(listing, parts=["test" if part == "val" else part for part in listing.parts])


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


def _refuse_other_images(source: Source, train: Split, folder: Path) -> None:
    """Raise where the images are far from the published mean: MNIST and Fashion-MNIST lie in files of one name."""
    if source.mean is None:
        return
    got = tuple((train.images[::16].double().mean((0, 2, 3)) / 255).tolist())
    if max(abs(a - b) for a, b in zip(got, source.mean, strict=True)) > 0.02:
        raise HeadstartError(
            f"the images in {folder} have a mean of {_short(got)}, those of {source.name} one of "
            f"{_short(source.mean)}: name the dataset that this is"
        )


def _short(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.3f}" for value in values)
