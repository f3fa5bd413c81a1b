"""Parquet and Arrow files, by pyarrow: tables of encoded images or of paths, with labels.

Hugging Face's datasets are such files: parquet on the hub and in its cache, Arrow where ``load_dataset`` or
``save_to_disk`` has been. They carry the class names in the schema's metadata, under "huggingface".
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headstart.data.formats.folders import PARTS
from headstart.data.listing import Listing, stamp_of
from headstart.data.tables import Columns, choose_columns, labels_of, parts_of, rows_of_paths
from headstart.errors import HeadstartError, first_line

__all__ = ["find_tables", "read_tables"]

ENDINGS = (".parquet", ".arrow")


def find_tables(folder: Path) -> list[tuple[Path, str]]:
    """The parquet or Arrow files of a dataset directory and the part each belongs to, ``""`` where its name says none.

    Known are the hub's layout (``data/train-00000-of-00002.parquet``), with or without the cache around it
    (``snapshots/REVISION/``, of which the newest counts), a folder for each part (``train/data-00000.arrow``) and
    the cache of ``load_dataset`` (``NAME-train.arrow``).
    """
    snapshots = sorted((folder / "snapshots").glob("*"), key=lambda path: path.stat().st_mtime)
    if snapshots:
        folder = snapshots[-1]
    files = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        # Arrow files named cache-… hold what somebody computed from the dataset.
        tables = (name for name in names if name.lower().endswith(ENDINGS) and not name.startswith(("cache-", ".")))
        files += [Path(place, name) for name in tables]
    return [(path, _part_of(path.relative_to(folder))) for path in sorted(files)]


def _part_of(path: Path) -> str:
    words = [word for piece in path.with_suffix("").parts[::-1] for word in piece.replace("_", "-").split("-")]
    return next((PARTS[word.lower()] for word in words if word.lower() in PARTS), "")


def read_tables(place: Path, files: Sequence[tuple[Path, str]], given: Mapping[str, str]) -> Listing:
    """One listing of the rows of all ``files``, which have the same columns.

    Args:
        place: the file or folder a person named, for messages.
        files: path and part of each.
        given: columns by name, see :func:`~headstart.data.tables.choose_columns`.

    Raises:
        HeadstartError: if pyarrow is missing, a file is damaged, or the columns can't be told.
    """
    schema = _schema(files[0][0])
    for path, _ in files[1:]:
        _refuse_other_columns(path, _schema(path).names, files[0][0], schema.names)
    images = [field.name for field in schema if _holds_images(field.type)]
    others = [field.name for field in schema if field.name not in images and not _is_nested(field.type)]
    values: dict[str, list[Any]] = {name: [] for name in others}
    counts = []
    for path, _ in files:
        table = _load(path, others)
        counts.append(table.num_rows)
        for name in others:
            values[name] += table[name].to_pylist()
    names = _class_names(schema)
    if not images:
        paths = [name for name in others if values[name] and _is_image_path(values[name][0])]
        return rows_of_paths(place, values, paths, given, names)
    chosen = choose_columns(place, values, images, given)
    labels, classes = labels_of(place, values[chosen.label], names.get(chosen.label))
    if chosen.part is None and any(part for _, part in files):
        kinds = [part or "train" for (_, part), count in zip(files, counts, strict=True) for _ in range(count)]
    else:
        kinds = parts_of(place, values[chosen.part] if chosen.part else None, sum(counts))
    rows = [(i, row) for i, count in enumerate(counts) for row in range(count)]
    shown = [f"{files[i][0].name} row {row + 1}" for i, row in rows]
    column = _ImageColumn([path for path, _ in files], chosen)
    stamp = stamp_of([path for path, _ in files]) + repr(sorted(given.items()))
    return Listing(shown, labels, kinds, tuple(classes), lambda i: column.content(*rows[i]), stamp)


class _ImageColumn:
    """The encoded images of several files, one file's column in memory at a time."""

    def __init__(self, paths: Sequence[Path], chosen: Columns) -> None:
        self.paths, self.name = paths, chosen.image
        self.lock = threading.Lock()
        self.file = -1
        self.column: Any = None

    def content(self, file: int, row: int) -> bytes:
        with self.lock:
            if file != self.file:
                self.column, self.file = _load(self.paths[file], [self.name])[self.name], file
            cell = self.column[row].as_py()
        if isinstance(cell, dict):  # Hugging Face's image: bytes, or where they lie
            if cell.get("bytes") is None and cell.get("path"):
                return (self.paths[file].parent / cell["path"]).read_bytes()
            cell = cell.get("bytes")
        return cell or b""


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise HeadstartError("parquet and Arrow files need pyarrow: pip install 'headstart[parquet]'") from None
    return pyarrow


def _schema(path: Path) -> Any:
    pyarrow = _pyarrow()
    try:
        if path.suffix.lower() == ".parquet":
            return pyarrow.parquet.read_schema(path)
        with pyarrow.memory_map(str(path)) as source:
            return _arrow(pyarrow, source).schema
    except (pyarrow.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def _load(path: Path, columns: Sequence[str]) -> Any:
    pyarrow = _pyarrow()
    try:
        if path.suffix.lower() == ".parquet":
            with pyarrow.parquet.ParquetFile(path) as file:
                return file.read(columns=list(columns))
        return _arrow(pyarrow, pyarrow.memory_map(str(path))).read_all().select(list(columns))
    except (pyarrow.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def _arrow(pyarrow: Any, source: Any) -> Any:
    """Arrow's stream format, which Hugging Face writes, or its file format."""
    try:
        return pyarrow.ipc.open_stream(source)
    except pyarrow.ArrowInvalid:
        source.seek(0)
        return pyarrow.ipc.open_file(source)


def _refuse_other_columns(path: Path, names: Sequence[str], first: Path, expected: Sequence[str]) -> None:
    if set(names) != set(expected):
        raise HeadstartError(
            f"{path} has the columns {', '.join(names)}, but {first} has {', '.join(expected)}: "
            "expected the same in all; name the folder or file of one dataset"
        )


def _damaged(path: Path, error: Exception) -> HeadstartError:
    return HeadstartError(f"{path} could not be read ({first_line(error)}): write or download it again")


def _holds_images(kind: Any) -> bool:
    types = _pyarrow().types
    if types.is_struct(kind):
        return {"bytes", "path"} >= {field.name for field in kind} and any(field.name == "bytes" for field in kind)
    return types.is_binary(kind) or types.is_large_binary(kind)


def _is_nested(kind: Any) -> bool:
    return _pyarrow().types.is_nested(kind)


def _is_image_path(value: Any) -> bool:
    from headstart.data.listing import EXTENSIONS

    return isinstance(value, str) and Path(value).suffix.lower() in EXTENSIONS


def _class_names(schema: Any) -> dict[str, list[str]]:
    """The class names of columns for which Hugging Face's metadata declares some."""
    try:
        about = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = about["info"]["features"]
        # A column of lists is described by a list.
        described = {name: feature for name, feature in features.items() if isinstance(feature, dict)}
        return {name: feature["names"] for name, feature in described.items() if feature.get("_type") == "ClassLabel"}
    except (ValueError, KeyError, AttributeError):
        return {}
