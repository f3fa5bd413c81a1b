"""Writing so that what is there in the end is whole, and a disk that refuses is one clear error."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headstart.errors import HeadstartError

__all__ = ["data_root", "new_folder", "room_for", "writing"]

FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))  # a quota is unknown to some systems
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


def data_root(root: Path | None = None) -> Path:
    """Where downloads and decoded images are kept: ``root``, else ``$HEADSTART_DATA``, else ``~/.cache/headstart``."""
    if root is not None:
        return Path(root)
    # An empty variable counts as none: a path of "" would mean the current folder.
    return Path(os.environ.get("HEADSTART_DATA") or "~/.cache/headstart").expanduser()


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turn what a disk may answer to a write below ``place`` into a :class:`HeadstartError`."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise HeadstartError(
                f"no space left to write in {place}: free some, or set HEADSTART_DATA to a folder on another disk"
            ) from error
        if error.errno in REFUSED:
            raise HeadstartError(
                f"{place} can't be written to ({error.strerror}): set HEADSTART_DATA to a folder that can"
            ) from error
        raise


def room_for(size: int, place: Path) -> None:
    """Raise before the first byte if ``place`` (or the nearest folder above it) has less than ``size`` bytes free."""
    there = next(folder for folder in (place, *place.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if free < size:
        raise HeadstartError(
            f"{size / 1e6:,.0f} MB are needed in {place}, {free / 1e6:,.0f} MB are free: free some, "
            "or set HEADSTART_DATA to a folder on another disk"
        )


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder to fill, which becomes ``target`` when the block ends well and vanishes when it does not.

    If another process made ``target`` in the meantime, theirs stays: both were made from the same content.
    """
    with writing(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{target.name}-", suffix=".part", dir=target.parent))
        try:
            yield part
            part.chmod(0o777 & ~_umask())  # mkdtemp's folders are closed to everybody else
            try:
                os.replace(part, target)
            except OSError:
                if not target.is_dir():
                    raise
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
