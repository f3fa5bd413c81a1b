"""Decoded images in one memory-mapped file, made once.

root/decoded/NAME-KEY/
    images.bin     uint8 (n, C, S, S), row by row
    digests.npy    uint8 (n, 16), BLAKE2b of each image's pixels
    sums.npy       int64 (n, C, 2), sum and sum of squares of each image's values
    about.json     C, S, which images of the listing these are, and which could not be used, with the reason
root/decoded/index/STAMP.json      which of these folders belongs to files of this stamp

KEY is a hash of the content of all encoded images, C and S, so that a copy or a move of the files finds the same
folder. The index spares reading them: as long as no name, size or time of change differs, nothing is opened.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from headstart.data.decoding import BadImage, Header, decode, read_header
from headstart.data.disk import new_folder, room_for, writing
from headstart.data.listing import Listing
from headstart.data.parallel import in_parallel
from headstart.data.say import tell
from headstart.errors import HeadstartError

__all__ = ["Decoded", "decoded", "digest", "side_for"]

LAYOUT = 1  # of the folder; another one is another key
SIDES = (224, 160, 128, 96, 64, 48, 32)


@dataclass(frozen=True)
class Decoded:
    """The usable images of a listing.

    Args:
        store: uint8 (n, C, S, S), memory-mapped.
        kept: int64 (n,), which image of the listing each is.
        digests: uint8 (n, 16), equal for equal pixels.
        sums: int64 (n, C, 2), sum and sum of squares of the pixel values.
        bad: name and reason of the images that could not be used.
    """

    store: Tensor
    kept: np.ndarray
    digests: np.ndarray
    sums: np.ndarray
    bad: tuple[tuple[str, str], ...]


def digest(pixels: np.ndarray) -> bytes:
    """16 bytes, equal for equal pixels."""
    return hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=16).digest()


def side_for(sides: list[int]) -> int:
    """The side to decode to when nobody names one: the largest usual one that half of the images fill.

    >>> side_for([348, 348, 400]), side_for([100, 90, 110]), side_for([28, 28])
    (224, 96, 28)
    """
    middle = sorted(sides)[len(sides) // 2]
    return next((side for side in SIDES if side <= middle), middle)


def decoded(listing: Listing, name: str, root: Path, *, size: int | None = None, max_bad: float = 0.01) -> Decoded:
    """The images of ``listing`` decoded to ``size``, from the cache where they are there already.

    Grey images get one channel if all are grey, else all get three. An image that can't be decoded is left out
    and told of; that may happen to a share of ``max_bad`` of them.

    Args:
        listing: the encoded images.
        name: the first part of the folder's name, for people.
        root: the cache is ``root/decoded``.
        size: S; by :func:`side_for` of their shorter sides unless given.
        max_bad: in [0, 1).

    Raises:
        HeadstartError: if more images are bad, or if the disk is full or can't be written to.
    """
    place = root / "decoded"
    stamp = hashlib.sha256(f"{LAYOUT}\t{size}\t{listing.stamp}".encode()).hexdigest()[:32]
    index = place / "index" / f"{stamp}.json"
    folder = place / json.loads(index.read_text())["folder"] if index.exists() else None
    if folder is None or not (folder / "about.json").exists():
        folder = _found_or_made(listing, name, place, size, max_bad)
        with writing(place):
            index.parent.mkdir(parents=True, exist_ok=True)
            _write_text(index, json.dumps({"folder": folder.name}))
    result = _opened(folder, listing)
    _judge(result.bad, len(listing), max_bad)
    return result


def _found_or_made(listing: Listing, name: str, place: Path, size: int | None, max_bad: float) -> Path:
    headers: list[Header | None] = []
    content = hashlib.sha256()
    for hashed, header in in_parallel(lambda i: _survey(listing, i), len(listing), "reading"):
        content.update(hashed)
        headers.append(header)
    known = [header for header in headers if header is not None]
    if len(listing) - len(known) > max_bad * len(listing):
        # Decoding would say the same, later.
        _judge(tuple(_reasons(listing, headers)), len(listing), max_bad)
    size = size or side_for([header.side for header in known])
    grey = all(header.grey for header in known)
    channels = 1 if grey else 3
    content.update(f"{LAYOUT} {channels} {size}".encode())
    folder = place / f"{re.sub(r'[^A-Za-z0-9._-]', '_', name)}-{size}-{content.hexdigest()[:16]}"
    if not (folder / "about.json").exists():
        room_for(len(known) * channels * size * size, place)
        with new_folder(folder) as part:
            _fill(part, listing, size, grey, max_bad)
    return folder


def _survey(listing: Listing, index: int) -> tuple[bytes, Header | None]:
    try:
        content = listing.content(index)
    except OSError as error:
        return (error.strerror or "").encode(), None
    try:
        header = read_header(content)
    except BadImage:
        header = None
    return hashlib.sha256(content).digest(), header


def _reasons(listing: Listing, headers: list[Header | None]) -> Iterator[tuple[str, str]]:
    for index, header in enumerate(headers):
        if header is None:
            _, reason = _decode(listing, index, 1, True)
            yield listing.names[index], str(reason)


def _decode(listing: Listing, index: int, size: int, grey: bool) -> tuple[np.ndarray | None, str]:
    try:
        return decode(listing.content(index), size, grey=grey), ""
    except BadImage as error:
        return None, str(error)
    except OSError as error:
        return None, error.strerror or str(error)


def _fill(folder: Path, listing: Listing, size: int, grey: bool, max_bad: float) -> None:
    """Decode everything into ``folder``. Written front to back by one thread: a full disk raises, a memory map
    would kill the process.
    """
    kept, digests, sums = [], [], []
    bad: list[tuple[str, str]] = []
    with (folder / "images.bin").open("wb") as file:
        results = in_parallel(lambda i: _decode(listing, i, size, grey), len(listing), "decoding")
        for index, (pixels, reason) in enumerate(results):
            if pixels is None:
                bad.append((listing.names[index], reason))
                continue
            file.write(pixels.tobytes())
            kept.append(index)
            digests.append(np.frombuffer(digest(pixels), dtype=np.uint8))
            values = pixels.astype(np.int64).reshape(len(pixels), -1)
            sums.append(np.stack([values.sum(1), (values * values).sum(1)], axis=1))
    _judge(tuple(bad), len(listing), max_bad)
    np.save(folder / "digests.npy", np.stack(digests))
    np.save(folder / "sums.npy", np.stack(sums))
    about = {"channels": 1 if grey else 3, "size": size, "kept": kept, "bad": bad}
    (folder / "about.json").write_text(json.dumps(about))


def _opened(folder: Path, listing: Listing) -> Decoded:
    about = json.loads((folder / "about.json").read_text())
    shape = (len(about["kept"]), about["channels"], about["size"], about["size"])
    file = folder / "images.bin"
    if file.stat().st_size != np.prod(shape, dtype=np.int64):
        raise HeadstartError(f"{folder} was altered: images.bin is not of shape {shape}; delete the folder, run again")
    # "c": what is written to the tensor stays in memory, so that torch may take it for an ordinary one.
    store = torch.from_numpy(np.memmap(file, dtype=np.uint8, mode="c", shape=shape))
    # By position: the same content may lie under other names now.
    skipped = sorted(set(range(len(listing))) - set(about["kept"]))
    bad = tuple((listing.names[i], reason) for i, (_, reason) in zip(skipped, about["bad"], strict=True))
    kept = np.array(about["kept"], dtype=np.int64)
    return Decoded(store, kept, np.load(folder / "digests.npy"), np.load(folder / "sums.npy"), bad)


def _judge(bad: tuple[tuple[str, str], ...], total: int, max_bad: float) -> None:
    """Say which images were left out; raise if there are too many."""
    if not bad:
        return
    some = "; ".join(f"{name} ({reason})" for name, reason in bad[:10])
    more = f"; and {len(bad) - 10} more" if len(bad) > 10 else ""
    if len(bad) > max_bad * total:
        raise HeadstartError(
            f"{len(bad)} of {total} images can't be used, more than the share of {max_bad:g} that may be left out: "
            f"{some}{more}. Repair or remove them, or allow more with --set max_bad={_next_share(len(bad) / total)}"
        )
    tell(f"left out {len(bad)} of {total} images: {some}{more}")


def _next_share(share: float) -> float:
    """The share rounded up to two places, below 1."""
    return min(0.99, -(-share * 100 // 1) / 100)


def _write_text(path: Path, text: str) -> None:
    descriptor, part = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    os.replace(part, path)
