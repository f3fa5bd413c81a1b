"""Writing so that what is there in the end is whole, and a disk that refuses is one clear error."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from headstart.data.say import tell
from headstart.errors import HeadstartError

__all__ = ["data_root", "new_folder", "one_at_a_time", "room_for", "writing"]

FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))  # a quota is unknown to some systems
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


def data_root(root: Path | None = None) -> Path:
    """Where downloads and decoded images are kept: ``root``, else ``$HEADSTART_DATA``, else ``~/.cache/headstart``."""
    if root is not None:
        return Path(root)
    # An empty variable counts as none: a path of "" would mean the current folder.
    return Path(os.environ.get("HEADSTART_DATA") or "~/.cache/headstart").expanduser()


@contextmanager
def writing(place: Path, instead: str = "set HEADSTART_DATA to") -> Iterator[None]:
    """Turn what a disk may answer to a write below ``place`` into a :class:`HeadstartError`.

    ``instead`` says how to choose another folder.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise HeadstartError(
                f"no space left to write in {place}: free some, or {instead} a folder on another disk"
            ) from error
        if error.errno in REFUSED:
            raise HeadstartError(
                f"{place} can't be written to ({error.strerror}): {instead} a folder that can"
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


@contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Let one process in at a time; the others wait, and are told so. Where files can't be locked, all go in.

    The operating system frees the lock of a process that dies, so that none is ever left behind.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with writing(lock.parent):
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    try:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                tell(f"waiting for another process that works in {lock.parent}")
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError:  # a network disk without locks
                break
            # Whoever went before removed the file, at any moment; only one that is still there keeps a third one out.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), lock.stat()):
                    break
            file.close()
            file = lock.open("w")
        try:
            yield
        finally:
            with suppress(OSError):
                lock.unlink()
    finally:
        file.close()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
