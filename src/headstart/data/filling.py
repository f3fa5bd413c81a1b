"""All images of a listing read, and then decoded into one file of bytes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from headstart.data.bad import refuse_too_many
from headstart.data.decoding import BadImage, Header, decode, read_header
from headstart.data.listing import Listing
from headstart.data.parallel import in_parallel
from headstart.errors import HeadstartError

__all__ = ["Survey", "digest", "fill", "side_for", "survey"]

SIDES = (224, 160, 128, 96, 64, 48, 32)
# Stands for the content of a file that can't be read: without it, a gap would hash like no gap or one elsewhere.
UNREAD = hashlib.sha256(b"could not be read").digest()


def digest(pixels: np.ndarray) -> bytes:
    """16 bytes, equal for equal pixels."""
    return hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=16).digest()


def side_for(sides: list[int]) -> int:
    """The side to decode to when nobody names one: the largest usual one that half of the images fill.

    >>> side_for([348, 348, 400]), side_for([100, 90, 110]), side_for([29, 29])
    (224, 96, 28)
    """
    middle = sorted(sides)[len(sides) // 2]
    # Below the usual ones a multiple of four, which patches divide.
    return next((side for side in SIDES if side <= middle), middle // 4 * 4 or middle)


@dataclass(frozen=True)
class Survey:
    """A first look at a file: a hash of its content, its header if it has one, and why not if it has none.

    ``passing`` says that it is there but could not be read, which may be otherwise next time.
    """

    digest: bytes
    header: Header | None = None
    reason: str = ""
    passing: bool = False


def survey(listing: Listing, index: int) -> Survey:
    """Read file ``index`` of ``listing``; to be done for each before any is decoded."""
    try:
        content = listing.content(index)
    except OSError as error:
        reason = error.strerror or str(error)
        return Survey(UNREAD, reason=reason, passing=not isinstance(error, FileNotFoundError))
    digest = hashlib.sha256(content).digest()
    try:
        return Survey(digest, read_header(content))
    except BadImage as error:
        return Survey(digest, reason=str(error))


def _decode(listing: Listing, index: int, look: Survey, size: int, grey: bool) -> tuple[np.ndarray | None, str]:
    if look.header is None:
        return None, look.reason
    try:
        return decode(listing.content(index), size, grey=grey), ""
    except BadImage as error:
        return None, str(error)
    except OSError as error:
        # It could be read a moment ago. To call it bad would keep it out for as long as its content stays.
        raise HeadstartError(
            f"{listing.names[index]} could not be read again ({error.strerror}): try once more"
        ) from error


def fill(
    folder: Path, listing: Listing, surveys: list[Survey], content: str, size: int, grey: bool, max_bad: float
) -> None:
    """Decode everything into ``folder``; ``content`` is noted there.

    Written front to back by one thread: a full disk raises, a memory map would kill the process.
    """
    kept, digests, sums = [], [], []
    bad: list[tuple[str, str]] = []
    with (folder / "images.bin").open("wb") as file:
        results = in_parallel(lambda i: _decode(listing, i, surveys[i], size, grey), len(listing), "decoding")
        for index, (pixels, reason) in enumerate(results):
            if pixels is None:
                bad.append((listing.names[index], reason))
                continue
            file.write(pixels.tobytes())
            kept.append(index)
            digests.append(np.frombuffer(digest(pixels), dtype=np.uint8))
            values = pixels.astype(np.int64).reshape(len(pixels), -1)
            sums.append(np.stack([values.sum(1), (values * values).sum(1)], axis=1))
    refuse_too_many(bad, len(listing), max_bad)
    np.save(folder / "digests.npy", np.stack(digests))
    np.save(folder / "sums.npy", np.stack(sums))
    about = {"channels": 1 if grey else 3, "size": size, "kept": kept, "bad": bad, "content": content}
    (folder / "about.json").write_text(json.dumps(about))
