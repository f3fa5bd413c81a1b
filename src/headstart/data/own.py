"""The user's own images: which of the layouts a path has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from headstart.data.formats.folders import read_folders
from headstart.data.formats.parquet import find_tables, read_tables
from headstart.data.listing import EXTENSIONS, Listing
from headstart.data.spec import nothing_there
from headstart.data.tables import read_csv
from headstart.errors import HeadstartError

__all__ = ["own_images"]


def own_images(place: Path, options: Mapping[str, str]) -> Listing:
    """The images at ``place``: a folder of class folders, a CSV or parquet file, a Hugging Face dataset directory.

    Args:
        place: the path.
        options: columns of a table by name, see :func:`~headstart.data.tables.choose_columns`.

    Raises:
        HeadstartError: if nothing is there, nothing that is known, or something that can't be read.
    """
    try:
        return _listing(place, options)
    except OSError as error:
        raise HeadstartError(
            f"{error.filename or place} could not be read ({error.strerror or error}): may you open it?"
        ) from error


def _listing(place: Path, options: Mapping[str, str]) -> Listing:
    if not place.exists():
        raise nothing_there(str(place))
    if place.is_dir():
        tables = find_tables(place)
        if tables:
            return read_tables(place, tables, options)
        if options:
            raise HeadstartError(f"{place} is a folder of images and has no columns, got {options}: leave them out")
        return read_folders(place)
    if place.suffix.lower() in (".csv", ".tsv"):
        return read_csv(place, options)
    if place.suffix.lower() in (".parquet", ".arrow"):
        return read_tables(place, [(place, "")], options)
    what = "a single image" if place.suffix.lower() in EXTENSIONS else f"a file ending in {place.suffix or 'nothing'}"
    raise HeadstartError(f"{place} is {what}: expected a folder with one folder for each class, a CSV or parquet file")
