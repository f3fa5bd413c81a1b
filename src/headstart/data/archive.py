"""Unpack a tar or zip archive, and only what a dataset's archive has any business to hold."""

from __future__ import annotations

import errno
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from headstart.data.disk import writing
from headstart.data.say import bytes_progress
from headstart.errors import HeadstartError

__all__ = ["unpack"]

CHUNK = 1 << 20
# What a disk says to names that no official archive has: a file where a folder is, or a name without end.
IMPOSSIBLE = (errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG)
Member = tuple[str, bool, Callable[[], IO[bytes]]]  # name, whether a folder, how to open it


def unpack(archive: Path, folder: Path, *, at_most: int, wanted: Callable[[str], bool] | None = None) -> None:
    """Write the regular files of ``archive`` into ``folder``, which is best a fresh one that may be thrown away.

    Nothing is written outside ``folder``: a name that climbs out of it, an absolute name and a link end the
    whole. So does the byte after ``at_most``, counted as they come out of the decompressor and not as the
    archive declares them.

    Args:
        archive: ``.tar``, ``.tar.gz`` (or ``.tgz``, or another compression tarfile knows) or ``.zip``.
        folder: where to; it is made.
        at_most: bytes that the dataset's archive unpacks to at most.
        wanted: which names to write; all unless given. The others are checked all the same.

    Raises:
        HeadstartError: if the archive can't be read, holds a name or a link it should not, or unpacks to more.
    """
    left, name = at_most, ""
    with writing(folder), bytes_progress() as progress:
        bar = progress.add_task(f"unpacking {archive.name}", total=None)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            for name, is_folder, opened in _members(archive):
                target = folder / _inside(name, archive)
                if is_folder or (wanted is not None and not wanted(name)):
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with opened() as content, target.open("wb") as file:
                    while chunk := content.read(CHUNK):
                        left -= len(chunk)
                        if left < 0:
                            raise HeadstartError(
                                f"{archive} unpacks to more than the {at_most:,} bytes of the official archive: "
                                "stopped; delete it and download again"
                            )
                        file.write(chunk)
                        progress.advance(bar, len(chunk))
        except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, RuntimeError) as error:
            raise HeadstartError(
                f"could not unpack {archive} ({error}): expected a tar or zip archive; delete it and download again"
            ) from error
        except OSError as error:
            if error.errno not in IMPOSSIBLE:
                raise
            raise _refused(archive, name, f"can't be written ({error.strerror})") from error


def _members(archive: Path) -> Iterator[Member]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed:
            for info in packed.infolist():
                # Unix writes the kind of file into the upper half; 0o12 is a symbolic link.
                if info.external_attr >> 28 == 0o12:
                    raise _refused(archive, info.filename, "is a link")
                yield info.filename, info.is_dir(), partial(packed.open, info)
        return
    # "r|*" reads front to back in one go: no seeking in a compressed file, no index of all members.
    with tarfile.open(archive, "r|*") as tar:
        for member in tar:
            if not (member.isreg() or member.isdir()):
                raise _refused(archive, member.name, "is a link or a device")
            yield member.name, member.isdir(), partial(_content, tar, member)


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(member)
    assert content is not None  # a regular file has one
    return content


def _inside(name: str, archive: Path) -> PurePosixPath:
    path = PurePosixPath(name.replace("\\", "/"))
    # A drive letter, as in C:, would start over at another root on Windows.
    if path.is_absolute() or ".." in path.parts or ":" in (path.parts or ("",))[0]:
        raise _refused(archive, name, "leads out of the folder")
    return path


def _refused(archive: Path, name: str, why: str) -> HeadstartError:
    return HeadstartError(f"{name} in {archive} {why}: this is not the official archive; delete it and download again")
