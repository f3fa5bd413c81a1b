"""A public dataset: what it is, where its files are, and which reader knows their layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from headstart.data.dataset import Split
from headstart.data.listing import Listing
from headstart.errors import HeadstartError

__all__ = ["Arrays", "RemoteFile", "Source", "check_counts"]


@dataclass(frozen=True)
class RemoteFile:
    """A file of a dataset as its authors offer it.

    Args:
        url: the official address.
        checksum: ``md5:…`` or ``sha256:…`` of the file as published; None where none is.
        size: in bytes; None where it is not known for certain.
        mirrors: further addresses of the same bytes, tried in this order when the official one does not answer.
        unpacks_to: for an archive, the most bytes it may unpack to; None for a file that is used as it is.
        wanted: for an archive, the endings of the files to keep; all unless given.
        content: checksum of the content where the file is gzipped: the same content may be packed anew.
    """

    url: str
    checksum: str | None = None
    size: int | None = None
    mirrors: tuple[str, ...] = ()
    unpacks_to: int | None = None
    wanted: tuple[str, ...] = ()
    content: str | None = None

    @property
    def name(self) -> str:
        """The last part of the address, without a query."""
        return self.url.partition("?")[0].rsplit("/", 1)[-1]

    def keeps(self, name: str) -> bool:
        """Whether a file of that name in the archive is unpacked."""
        return not self.wanted or name.endswith(self.wanted)


@dataclass(frozen=True)
class Arrays:
    """Decoded images of the official parts, in memory."""

    splits: Mapping[str, Split]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """A public dataset.

    Args:
        name: what a person types.
        title: what it is, in a line.
        homepage: of the authors.
        licence: as the authors state it, or that they don't.
        citation: authors, title, year.
        files: what to download; empty where that needs an account.
        folders: where the files may lie below a root: as downloaded here, as torchvision keeps them.
        needs: what has to be in such a folder, each one path or, between bars, several of which one is enough.
        read: reader of the folder.
        counts: images of each official part; a tuple where the authors released several versions.
        classes: number of classes.
        image_size: side in pixels that the images have, or are decoded to unless another one is asked for.
        channels: 1 or 3.
        mean: of each channel over the training images, pixels scaled to [0, 1]; None: computed on loading.
        std: standard deviation, likewise.
        flip_ok: whether a mirrored image keeps its label.
        note: what is special.
    """

    name: str
    title: str
    homepage: str
    licence: str
    citation: str
    files: tuple[RemoteFile, ...]
    folders: tuple[str, ...]
    needs: tuple[str, ...]
    read: Callable[[Path], Arrays | Listing] = field(repr=False)
    counts: Mapping[str, int | tuple[int, ...]]
    classes: int
    image_size: int
    channels: int = 3
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    flip_ok: bool = False
    note: str = ""

    def holds(self, folder: Path) -> bool:
        """Whether ``folder`` has everything that the dataset needs."""
        return folder.is_dir() and not self.missing(folder)

    def missing(self, folder: Path) -> list[str]:
        """What ``folder`` lacks."""
        return [need for need in self.needs if not any((folder / name).exists() for name in need.split("|"))]


def check_counts(source: Source, found: Mapping[str, int], place: Path) -> None:
    """Raise if a part has another number of images than its authors released."""
    for part, expected in source.counts.items():
        allowed = expected if isinstance(expected, tuple) else (expected,)
        if found.get(part, 0) not in allowed:
            raise HeadstartError(
                f"{place} holds {found.get(part, 0):,} {part} images of {source.name}, expected "
                f"{' or '.join(f'{n:,}' for n in allowed)}: copy or download the rest"
            )
