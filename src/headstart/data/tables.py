"""Images named in a table: which of its columns holds images or paths, which labels, which parts."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.data.formats.folders import PARTS
from headstart.data.listing import Listing, from_paths
from headstart.errors import HeadstartError, unknown

__all__ = ["Columns", "choose_columns", "labels_of", "parts_of", "read_csv"]

IMAGE_NAMES = (
    "image",
    "img",
    "images",
    "path",
    "file",
    "filename",
    "file_name",
    "image_path",
    "filepath",
    "jpg",
    "png",
)
LABEL_NAMES = ("label", "labels", "class", "category", "target", "fine_label", "y", "classid", "class_id")
PART_NAMES = ("split", "part", "subset", "set", "partition", "fold")


@dataclass(frozen=True)
class Columns:
    """Names of the columns; ``part`` is None where the table does not say which part a row belongs to."""

    image: str
    label: str
    part: str | None


def choose_columns(
    place: Path, columns: Mapping[str, Sequence[Any]], images: Sequence[str], given: Mapping[str, str]
) -> Columns:
    """Which column is what: by ``given``, else by its usual name, else because no other one can be.

    Args:
        place: of the table, for messages.
        columns: the values of all columns but those that hold images.
        images: columns that may hold images or paths.
        given: ``{"image": …, "label": …, "split": …}``, any of them.

    Raises:
        HeadstartError: if a given name is none of the table's, or if it stays open which column holds the labels.
    """
    for name in given.values():
        if name not in columns and name not in images:
            raise unknown(f"column of {place}", name, [*images, *columns])
    part = given.get("split") or _part_column(columns)
    image = given.get("image") or _by_name(images, IMAGE_NAMES) or (images[0] if len(images) == 1 else None)
    if image is None:
        raise HeadstartError(
            f"{place} has no column of images or paths that can be told: expected one named image or path, "
            f"got {', '.join([*images, *columns])}; name it: {place}:image=COLUMN"
        )
    # pandas writes its row numbers as a column.
    rest = [name for name in columns if name not in (image, part) and not name.startswith("__index_level_")]
    label = given.get("label") or _by_name(rest, LABEL_NAMES) or (rest[0] if len(rest) == 1 else None)
    if label is None:
        candidates = [name for name in rest if _may_be_labels(columns[name])] or rest
        hint = f"{place}:label={candidates[0] if candidates else 'COLUMN'}"
        raise HeadstartError(
            f"{place} has {len(candidates)} columns that may hold the labels ({', '.join(candidates) or 'none'}): "
            f"say which, for example {hint}"
        )
    return Columns(image, label, part)


def labels_of(place: Path, values: Sequence[Any], names: Sequence[str] | None = None) -> tuple[list[int], list[str]]:
    """Class indices and class names of a column of labels.

    Numbers count into ``names`` where those are given. Else the classes are the different values, in the order of
    numbers if all are numbers, and alphabetical if not.

    Raises:
        HeadstartError: if a label is missing.
    """
    for row, value in enumerate(values):
        if value is None or value == "" or value != value:  # NaN alone differs from itself
            raise HeadstartError(f"row {row + 1} of {place} has no label: fill it in or remove the row")
    if names is not None and all(isinstance(value, int) for value in values):
        return [int(value) for value in values], list(names)
    texts = [str(value) for value in values]
    different = sorted(set(texts))
    if all(re.fullmatch(r"-?[0-9]+", text) for text in different):
        different.sort(key=int)
    place_of = {text: number for number, text in enumerate(different)}
    return [place_of[text] for text in texts], different


def parts_of(place: Path, values: Sequence[Any] | None, count: int) -> list[str]:
    """The part of each row, ``""`` for all where the table does not say.

    Raises:
        HeadstartError: if a value is no known word for a part, or if no row is for training.
    """
    if values is None:
        return [""] * count
    parts = []
    for row, value in enumerate(values):
        part = PARTS.get(str(value).strip().lower())
        if part is None:
            raise HeadstartError(f"row {row + 1} of {place} is of part {value!r}: expected train, val or test")
        parts.append(part)
    if "train" not in parts:
        raise HeadstartError(f"{place} has no row for training: expected some with the part train")
    return parts


def read_csv(file: Path, given: Mapping[str, str]) -> Listing:
    """A CSV (commas, semicolons, tabs): a header, a column of paths (from its folder on), of labels, perhaps of parts.

    Raises:
        HeadstartError: if it is empty, is no text, lacks a column, or a row has another number of fields.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as text:
            first = text.readline()
            text.seek(0)
            delimiter = max(",;\t", key=first.count)
            header, *rows = list(csv.reader(text, delimiter=delimiter, skipinitialspace=True)) or [[]]
    except UnicodeDecodeError as error:
        raise HeadstartError(f"{file} is no text in UTF-8 ({error}): save it as UTF-8") from None
    except csv.Error as error:
        raise HeadstartError(f"{file} is no CSV ({error}): expected a header such as path,label and rows") from None
    rows = [row for row in rows if row]
    if not rows:
        raise HeadstartError(f"{file} holds no rows: expected a header such as path,label and a row for each image")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise HeadstartError(
                f"line {number} of {file} has {len(row)} fields: expected {len(header)}, as the header"
            )
    header = [name.strip() for name in header]
    if len(set(header)) < len(header):
        twice = max(header, key=header.count)
        raise HeadstartError(f"{file} has {header.count(twice)} columns named {twice!r}: expected each name once")
    columns = {name: [row[i].strip() for row in rows] for i, name in enumerate(header)}
    paths = [name for name in columns if any(map(_looks_like_a_path, columns[name][:20]))]
    return rows_of_paths(file, columns, paths, given)


def rows_of_paths(
    file: Path,
    columns: Mapping[str, Sequence[Any]],
    paths: Sequence[str],
    given: Mapping[str, str],
    names: Mapping[str, Sequence[str]] | None = None,
) -> Listing:
    """A listing of the files that a table names; ``names`` holds the class names of columns that declare theirs."""
    chosen = choose_columns(file, columns, paths, given)
    labels, classes = labels_of(file, columns[chosen.label], (names or {}).get(chosen.label))
    kinds = parts_of(file, columns[chosen.part] if chosen.part else None, len(labels))
    root = file.parent
    return from_paths(root, [root / str(path) for path in columns[chosen.image]], labels, kinds, classes)


def _part_column(columns: Mapping[str, Sequence[Any]]) -> str | None:
    """A column of train, val and test: by its values, whatever it is called; by some of them if its name says so."""
    words = {name: {str(value).strip().lower() for value in values} for name, values in columns.items()}
    # Some known words are enough here: the others are an error to be told, not a reason to mix all parts.
    named = _by_name([name for name in columns if words[name] & PARTS.keys()], PART_NAMES)
    return named or next((name for name in columns if words[name] and words[name] <= PARTS.keys()), None)


def _by_name(names: Sequence[str], usual: Sequence[str]) -> str | None:
    lower = {name.lower(): name for name in reversed(names)}
    return next((lower[name] for name in usual if name in lower), None)


def _may_be_labels(values: Sequence[Any]) -> bool:
    """Fewer values than rows, and no fractions."""
    return isinstance(values[0], str | int) and 1 < len(set(values)) < len(values)


def _looks_like_a_path(value: Any) -> bool:
    from headstart.data.listing import EXTENSIONS

    return isinstance(value, str) and Path(value).suffix.lower() in EXTENSIONS
