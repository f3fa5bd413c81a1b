"""Files that are either whole or not there, whatever happens while they are written."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

from headstart.errors import HeadstartError

__all__ = ["write_atomically", "write_json", "write_lines"]

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} if hasattr(errno, "EDQUOT") else {errno.ENOSPC, errno.EFBIG}


def write_atomically(path: Path, content: bytes, *, keep: Path | None = None) -> None:
    """Write beside ``path``, flush, rename: readers see the old file or the new one, never a part.

    The old file becomes ``keep`` when that is given. Raises :class:`~headstart.errors.HeadstartError` when the
    disk is full; the old file is then still in its place.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if keep is not None and path.exists():
            os.replace(path, keep)
        os.replace(temporary, path)
        _flush_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)  # half a file would take the space that is missing
        if error.errno not in FULL:
            raise
        raise HeadstartError(
            f"the disk is full: {path} ({len(content) / 1e6:.1f} MB) could not be written; what was there before is "
            "kept. Make room, and the same command goes on from the last checkpoint."
        ) from None


def write_json(path: Path, content: object) -> None:
    """``content`` as indented JSON, atomically."""
    write_atomically(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    """Each row as one line of JSON, atomically."""
    write_atomically(path, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows).encode())


def _flush_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)  # the rename itself must reach the disk too
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
