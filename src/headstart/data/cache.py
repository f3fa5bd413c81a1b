"""Decoded images in one memory-mapped file, made once.

root/decoded/NAME-KEY/
    images.bin     uint8 (n, C, S, S), row by row
    digests.npy    uint8 (n, 16), BLAKE2b of each image's pixels
    sums.npy       int64 (n, C, 2), sum and sum of squares of each image's values
    about.json     C, S, which images of the listing these are, which could not be used, with the reason, and a hash
                   of all files as they came
root/decoded/index/STAMP.json      which of these folders belongs to files of this stamp

KEY is a hash of the content of all encoded images, C and S, so that a copy or a move of the files finds the same
folder. The index spares reading them: as long as no name, size or time of change differs, nothing is opened.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from headstart.data.bad import name_them, refuse_too_many
from headstart.data.disk import new_folder, room_for
from headstart.data.filling import Survey, fill, side_for, survey
from headstart.data.listing import Listing
from headstart.data.parallel import in_parallel
from headstart.errors import HeadstartError

__all__ = ["Decoded", "decoded"]

LAYOUT = 2  # of the folder; another one is another key


@dataclass(frozen=True)
class Decoded:
    """The usable images of a listing.

    Args:
        store: uint8 (n, C, S, S), memory-mapped.
        kept: int64 (n,), which image of the listing each is.
        digests: uint8 (n, 16), equal for equal pixels.
        sums: int64 (n, C, 2), sum and sum of squares of the pixel values.
        bad: name and reason of the images that could not be used.
        content: hexadecimal digits, a hash of all files of the listing as they came, in order.
    """

    store: Tensor
    kept: np.ndarray
    digests: np.ndarray
    sums: np.ndarray
    bad: tuple[tuple[str, str], ...]
    content: str


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
    folder = _indexed(index, place)
    if folder is None:
        folder, passing = _found_or_made(listing, name, place, size, max_bad)
        if not passing:
            _write_index(index, folder)
    result = _opened(folder, listing)
    refuse_too_many(result.bad, len(listing), max_bad)
    name_them(result.bad, len(listing))
    return result


def _found_or_made(listing: Listing, name: str, place: Path, size: int | None, max_bad: float) -> tuple[Path, bool]:
    """The folder, and whether a file in it counts as bad only because it could not be read this time."""
    surveys: list[Survey] = []
    contents = hashlib.sha256()
    for one in in_parallel(lambda i: survey(listing, i), len(listing), "reading"):
        contents.update(one.digest)
        surveys.append(one)
    bad = [(name, s.reason) for name, s in zip(listing.names, surveys, strict=True) if s.header is None]
    refuse_too_many(bad, len(listing), max_bad)
    headers = [one.header for one in surveys if one.header is not None]
    size = size or side_for([header.side for header in headers])
    grey = all(header.grey for header in headers)
    channels = 1 if grey else 3
    content = contents.hexdigest()
    key = hashlib.sha256(f"{content} {LAYOUT} {channels} {size}".encode()).hexdigest()[:16]
    folder = place / f"{re.sub(r'[^A-Za-z0-9._-]', '_', name)}-{size}-{key}"
    if not (folder / "about.json").exists():
        shutil.rmtree(folder, ignore_errors=True)  # what is left of one that somebody took a file from
        room_for(len(headers) * channels * size * size, place)
        with new_folder(folder) as part:
            fill(part, listing, surveys, content, size, grey, max_bad)
    return folder, any(one.passing for one in surveys)


def _opened(folder: Path, listing: Listing) -> Decoded:
    try:
        return _read(folder, listing)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise HeadstartError(f"{folder} was altered: {error}; delete the folder, run again") from error


def _read(folder: Path, listing: Listing) -> Decoded:
    about = json.loads((folder / "about.json").read_text())
    shape = (len(about["kept"]), about["channels"], about["size"], about["size"])
    file = folder / "images.bin"
    if file.stat().st_size != np.prod(shape, dtype=np.int64):
        raise ValueError(f"images.bin is not of shape {shape}")
    # "c": what is written to the tensor stays in memory, so that torch may take it for an ordinary one.
    store = torch.from_numpy(np.memmap(file, dtype=np.uint8, mode="c", shape=shape))
    # By position: the same content may lie under other names now.
    skipped = sorted(set(range(len(listing))) - set(about["kept"]))
    bad = tuple((listing.names[i], reason) for i, (_, reason) in zip(skipped, about["bad"], strict=True))
    kept = np.array(about["kept"], dtype=np.int64)
    digests, sums = np.load(folder / "digests.npy"), np.load(folder / "sums.npy")
    if not len(kept) == len(digests) == len(sums):
        raise ValueError(f"{len(kept)} images, {len(digests)} digests, {len(sums)} sums")
    return Decoded(store, kept, digests, sums, bad, about["content"])


def _indexed(index: Path, place: Path) -> Path | None:
    try:
        folder = place / json.loads(index.read_text())["folder"]
    except (OSError, ValueError, KeyError):
        return None
    return folder if (folder / "about.json").exists() else None


def _write_index(index: Path, folder: Path) -> None:
    """Remember the folder. Where that can't be written the images are there all the same, only found more slowly."""
    try:
        index.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=index.parent, suffix=".part", delete=False) as file:
            file.write(json.dumps({"folder": folder.name}))
        os.replace(file.name, index)
    except OSError:
        pass
