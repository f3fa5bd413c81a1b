"""One process at a time in a run folder, by a lock that the system lets go when its process dies."""

from __future__ import annotations

import errno
import os
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from headstart.errors import HeadstartError

__all__ = ["locked"]

NAME = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold ``folder``, made if need be; folders that were made and are empty in the end go away again.

    Raises :class:`~headstart.errors.HeadstartError` when another process holds it. What a dead process left
    behind is no lock: the system ends a lock with the process.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    file = _take(folder)
    try:
        yield
    finally:
        if sys.platform == "win32":
            file.close()  # an open file can't be removed there
        with suppress(OSError):
            (folder / NAME).unlink()
        file.close()
        with suppress(OSError):
            for path in made:
                path.rmdir()


def _take(folder: Path) -> TextIO:
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            file = open(folder / NAME, "a+", encoding="utf-8")  # noqa: SIM115  held until the run is over
        except FileNotFoundError:
            continue  # another process went away, and its empty folder with it
        if not _lock(file):
            owner = _owner(file)
            file.close()
            raise HeadstartError(
                f"{folder} is in use by {owner}; wait until it is done or stop it, or choose another --out."
            )
        # Whoever held it may have removed the file between our opening and our locking it.
        with suppress(OSError):
            if os.path.samestat(os.fstat(file.fileno()), os.stat(folder / NAME)):
                break
        file.close()
    with suppress(OSError):  # on a full disk the lock holds without its owner's name
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
    return file


def _owner(file: TextIO) -> str:
    with suppress(OSError, UnicodeDecodeError):
        file.seek(0)
        return file.read().strip() or "another process"
    return "another process"


if sys.platform == "win32":
    import msvcrt

    def _lock(file: TextIO) -> bool:
        file.seek(1 << 30)  # far behind the text, which others should be able to read
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        file.seek(0)
        return True

else:
    import fcntl

    def _lock(file: TextIO) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            # Some network file systems have no locks; to refuse would forbid training there at all.
            warnings.warn(
                f"{Path(file.name).parent} can't be locked ({error}): see to it that only one process trains there.",
                stacklevel=2,
            )
        return True
