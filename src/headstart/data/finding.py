"""From what a person types, files, folders and patterns, to image files."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from pathlib import Path

from headstart.data.listing import EXTENSIONS
from headstart.errors import HeadstartError

__all__ = ["find_images"]


def find_images(places: Iterable[str | Path]) -> list[Path]:
    """The image files that ``places`` name, in their order, each once.

    A file is taken whatever its name is; of a folder, and the folders in it, all files with the ending of an image,
    sorted; a pattern (``*``, ``?``, ``[…]``, ``**`` for any number of folders) may match both. Hidden files are left
    out unless named. What is there under the very name that was typed is that, brackets and all.

    Raises:
        HeadstartError: when nothing is there, or a folder holds no image.
    """
    found: dict[Path, None] = {}
    for place in map(str, places):
        if Path(place).exists():
            matches = [place]
        else:
            matches = sorted(glob.glob(_pattern(place), recursive=True))
        if not matches:
            kind = "nothing matches" if glob.has_magic(place) else "there is no"
            raise HeadstartError(f"{kind} {place}: expected image files, folders of them, or a pattern like '*.jpg'.")
        files = [file for match in matches for file in _files(Path(match), named=match == place)]
        if not files:
            raise HeadstartError(f"{place} holds no image: expected files ending in {', '.join(sorted(EXTENSIONS))}.")
        found.update(dict.fromkeys(files))
    return list(found)


def _pattern(place: str) -> str:
    """``place`` with the signs of a pattern made letters in the names of folders that are there."""
    path = Path(place)
    there = next((parent for parent in path.parents if parent.exists()), Path())
    return str(Path(glob.escape(str(there))) / path.relative_to(there))


def _files(path: Path, *, named: bool) -> list[Path]:
    if path.is_dir():
        return sorted(
            file
            for file in path.rglob("*")
            if file.suffix.lower() in EXTENSIONS
            and file.is_file()
            and not any(part.startswith(".") for part in file.relative_to(path).parts)
        )
    return [path] if named or path.suffix.lower() in EXTENSIONS else []
