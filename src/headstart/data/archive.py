"""Take named files out of a tar archive, and nothing else."""

from __future__ import annotations

import os
import shutil
import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from headstart.errors import HeadstartError

__all__ = ["unpack"]


def unpack(archive: Path, members: Iterable[str], folder: Path) -> None:
    """Write the named members of a tar archive into ``folder`` under their last name, each whole or not at
    all.

    Nothing else in the archive is touched, and names are chosen here, not by the archive: neither a path that
    climbs out of the folder nor a link can have any effect.

    Raises:
        HeadstartError: if the archive can't be read or a member is missing or is not a regular file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive) as tar:
            for member in members:
                try:
                    info = tar.getmember(member)
                except KeyError:
                    raise HeadstartError(f"{archive} holds no {member}: expected the official archive") from None
                # isreg, not isfile: extractfile would follow a link.
                content = tar.extractfile(info) if info.isreg() else None
                if content is None:
                    raise HeadstartError(
                        f"{member} in {archive} is a link or a folder, expected a regular file: "
                        "this is not the official archive"
                    )
                _write_whole(content, folder / member.rsplit("/", 1)[-1])
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise HeadstartError(f"could not unpack {archive} ({error}): expected a tar.gz archive") from error


def _write_whole(content: IO[bytes], target: Path) -> None:
    part = target.with_name(target.name + ".part")
    with part.open("wb") as file:
        shutil.copyfileobj(content, file, 1 << 20)
    os.replace(part, target)
