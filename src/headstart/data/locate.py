"""Where a public dataset lies on this machine; if nowhere, download and unpack it."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import zlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from headstart.data.archive import unpack
from headstart.data.disk import new_folder, one_at_a_time
from headstart.data.download import checksum_of, download
from headstart.data.source import RemoteFile, Source
from headstart.errors import HeadstartError

__all__ = ["at_hand", "locate", "verify"]


def at_hand(source: Source, place: Path) -> Path | None:
    """The folder at or below ``place`` that holds the dataset, if one does: as downloaded here or by torchvision."""
    for base in (place, place / source.name):
        for folder in ("", *source.folders):
            if source.holds(base / folder):
                return base / folder
    return None


def locate(source: Source, place: Path | None, root: Path) -> Path:
    """The folder that holds the dataset, downloaded and unpacked first if need be.

    Args:
        source: which one.
        place: the folder, one around it, or the official file or files; None for ``root``.
        root: where downloads are kept, each dataset in a folder of its name.

    Raises:
        HeadstartError: if ``place`` doesn't hold the dataset, or if it can't be had or is not the official one.
    """
    if place is None:
        return at_hand(source, root) or _made(source, None, root)
    if place.is_file():
        if at_hand(source, place.parent) == place.parent:
            return place.parent  # one file of the dataset, and the others are beside it
        if [file.name for file in source.files] != [place.name]:
            _refuse_other(source, place)
        return at_hand(source, root) or _made(source, [place], root)
    found = at_hand(source, place)
    if found is not None:
        return found
    archives = [place / file.name for file in source.files]
    if archives and all(archive.is_file() for archive in archives):
        return at_hand(source, root) or _made(source, archives, root)
    candidates = [place / folder for folder in ("", *source.folders) if (place / folder).is_dir()]
    if not candidates:
        raise HeadstartError(f"there is no folder {place}: {_what_to_name(source)}")
    nearest = min(candidates, key=lambda folder: len(source.missing(folder)))
    lacking = source.missing(nearest)[0].replace("|", " or ")
    raise HeadstartError(f"expected {source.title} in {nearest}, found no {lacking}: {_what_to_name(source)}")


def verify(path: Path, file: RemoteFile) -> None:
    """Raise if a file at hand is not the published one, by content if it is gzipped and was packed anew.

    Where ``path`` lies unpacked, without its ``.gz``, the content is what is compared, if that is known.
    """
    bare = path.with_suffix("")
    if file.content is not None and not path.is_file() and bare.is_file():
        path, file = bare, replace(file, checksum=file.content, content=None)
    if file.checksum is None or not path.is_file():
        return
    got = checksum_of(path, file.checksum.partition(":")[0])
    if got == file.checksum:
        return
    if file.content is not None:
        try:
            inside = "sha256:" + hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
        except (OSError, EOFError, zlib.error):
            inside = ""
        if inside == file.content:
            return
    raise HeadstartError(
        f"{path} is not the official file: expected {file.checksum}, got {got}; delete it and download {file.url} again"
    )


def _made(source: Source, archives: list[Path] | None, root: Path) -> Path:
    """``root/NAME`` from the archives, downloaded unless given; by one process, while others wait for it."""
    if archives is None and not source.files:
        raise HeadstartError(f"{source.name} can't be downloaded without an account: {_what_to_name(source)}")
    for path, file in zip(archives or [], source.files, strict=False):
        verify(path, file)
    with one_at_a_time(root / f".{source.name}.lock"):
        there = at_hand(source, root)
        return there or _unpacked(source, _downloaded(source, root) if archives is None else archives, root)


def _downloaded(source: Source, root: Path) -> list[Path]:
    _refuse_remains(source, root)
    folder = root / "downloads" / source.name
    return [_fetched(source, file, folder / file.name) for file in source.files]


def _fetched(source: Source, file: RemoteFile, target: Path) -> Path:
    if target.is_file():
        verify(target, file)  # from an earlier run that was cut after this file
        return target
    instead = f"If you have it already, say where: {source.name}:/path/to/{source.folders[0] or file.name}"
    first: HeadstartError | None = None
    for url in (file.url, *file.mirrors):
        try:
            return download(url, target, checksum=file.checksum, size=file.size, instead=instead)
        except HeadstartError as error:
            first = first or error
    assert first is not None
    raise first  # what is said of the official address


def _unpacked(source: Source, files: list[Path], root: Path) -> Path:
    """``root/NAME``, made whole or not at all from verified files. Downloads are removed afterwards."""
    _refuse_remains(source, root)
    downloads = root / "downloads" / source.name
    with new_folder(root / source.name) as part:
        for path, file in zip(files, source.files, strict=True):
            if file.unpacks_to is None:
                _link_or_copy(path, part / file.name)
            else:
                unpack(path, part, at_most=file.unpacks_to, wanted=file.keeps)
        if at_hand(source, part) is None:
            raise HeadstartError(
                f"the files of {source.name} unpacked well but hold no {source.missing(part)[0]}: "
                "their layout has changed; please report it"
            )
    for path in files:
        if path.parent == downloads:
            path.unlink()
    with suppress(OSError):  # not empty: another dataset is on its way
        downloads.rmdir()
        downloads.parent.rmdir()
    found = at_hand(source, root)
    assert found is not None
    return found


def _refuse_remains(source: Source, root: Path) -> None:
    """Raise where the folder to be made is there already, but not whole."""
    folder = root / source.name
    if folder.exists():
        raise HeadstartError(
            f"{folder} lacks {source.missing(folder)[0].replace('|', ' or ')} of {source.name}: "
            "delete the folder and run again"
        )


def _link_or_copy(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(path, target)


def _refuse_other(source: Source, place: Path) -> None:
    names = " or ".join(file.name for file in source.files) or "a folder"
    raise HeadstartError(f"{place} is no file of {source.name}: expected {names}, or {_what_to_name(source)}")


def _what_to_name(source: Source) -> str:
    lies = source.folders[0] if source.folders and source.folders[0] else "its files"
    return f"name the folder that holds {lies}, as in {source.name}:/path ({', '.join(source.needs[:4])} in it)"
