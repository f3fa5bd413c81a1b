"""Images that are still files: a list of encoded images with labels, before any is decoded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from headstart.errors import HeadstartError

__all__ = ["EXTENSIONS", "Listing", "from_paths", "stamp_of"]

EXTENSIONS = frozenset(
    (
        ".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif",
        ".tiff", ".webp",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Listing:
    """n encoded images.

    Args:
        names: what each is called in reports, n of them.
        labels: class index of each.
        parts: ``"train"``, ``"val"`` or ``"test"`` for each, or ``""`` where nobody has split them yet.
        classes: name of each class, in label order.
        content: the encoded bytes of image i; may be called from several threads.
        stamp: a text that changes when a file is added, removed, resized or written to.
        notes: what a person should know of how the list was made.

    Raises:
        HeadstartError: if there is no image, one class only, or a label out of range.
    """

    names: Sequence[str]
    labels: Sequence[int]
    parts: Sequence[str]
    classes: tuple[str, ...]
    content: Callable[[int], bytes]
    stamp: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.names:
            raise HeadstartError("expected images, found none")
        if len(self.classes) < 2:
            raise HeadstartError(
                f"expected two or more classes to tell apart, found {len(self.classes)}: {', '.join(self.classes)}"
            )
        for name, label in zip(self.names, self.labels, strict=True):
            if not 0 <= label < len(self.classes):
                raise HeadstartError(
                    f"{name} has label {label}: expected 0 to {len(self.classes) - 1}, for {len(self.classes)} classes"
                )

    def __len__(self) -> int:
        return len(self.names)

    def noting(self, *notes: str) -> Listing:
        return replace(self, notes=(*self.notes, *notes))


def from_paths(
    root: Path,
    paths: Sequence[Path],
    labels: Sequence[int],
    parts: Sequence[str],
    classes: Iterable[str],
    notes: Iterable[str] = (),
) -> Listing:
    """A listing of image files, named by their path below ``root``."""

    def content(index: int) -> bytes:
        return paths[index].read_bytes()

    names = [Path(os.path.relpath(path, root)).as_posix() for path in paths]
    return Listing(names, labels, parts, tuple(classes), content, stamp_of(paths), tuple(notes))


def stamp_of(paths: Iterable[Path]) -> str:
    """SHA-256 over the full path, size and time of change of each file; a missing file counts as of size -1."""
    digest = hashlib.sha256()
    for path in paths:
        try:
            about = path.stat()
            size, changed = about.st_size, about.st_mtime_ns
        except OSError:
            size, changed = -1, 0
        digest.update(f"{path.absolute()}\t{size}\t{changed}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()
