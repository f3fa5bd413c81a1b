"""Fetch a file so that what is there in the end is the right file or none."""

from __future__ import annotations

import hashlib
import http.client
import os
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.data.disk import room_for, writing
from headstart.data.say import bytes_progress
from headstart.errors import HeadstartError

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["checksum_of", "download"]

# Failures in a row, none of which brought a byte more, before giving up.
ATTEMPTS = 4
TIMEOUT_S = 30.0
CHUNK = 1 << 20
# The first pause between attempts; each next one is twice as long.
PAUSE_S = 1.0
# Answers worth another attempt: the server was busy, slow or broken, and may recover.
PASSING = (408, 429, 500, 502, 503, 504)
# Not OSError as a whole: a full disk is not the network's fault.
NETWORK_ERRORS = (
    urllib.error.URLError,
    http.client.HTTPException,
    ConnectionError,
    TimeoutError,
    ssl.SSLError,
)


def checksum_of(path: Path, kind: str) -> str:
    """``kind:hexadecimal digits`` of a file, ``kind`` being ``md5`` or ``sha256``.

    MD5 is what small datasets publish. It guards against accidents; only SHA-256 would against malice.
    """
    digest = hashlib.new(kind, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return f"{kind}:{digest.hexdigest()}"


def download(
    url: str, target: Path, *, checksum: str | None = None, size: int | None = None, instead: str = ""
) -> Path:
    """Fetch ``url`` to ``target``, going on where an earlier attempt was cut.

    Bytes are collected in ``target.part``. If that file exists, only the rest is asked for (HTTP Range); a
    server that sends everything all the same is taken at its word, and the file starts anew. Only a file of
    the right size and checksum is moved to ``target``.

    Args:
        url: http or https.
        target: the file to be; its folder is made.
        checksum: of the whole file, as :func:`checksum_of` writes it; None where none is published.
        size: of the whole file in bytes, likewise.
        instead: what a person without a network can do, as the end of the error message.

    Raises:
        HeadstartError: if the address can't be reached, answers with an error, or sends a file of another size
            or checksum (which is then removed); if the disk is full or can't be written to.
    """
    part = target.with_name(target.name + ".part")
    ending = f" {instead}" if instead else ""
    with writing(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        room_for((size or 0) - _size(part), target.parent)
        _collect(url, part, size, ending)
        _check(url, part, checksum, size, ending)
        os.replace(part, target)
    return target


def _collect(url: str, part: Path, most: int | None, ending: str) -> None:
    """Attempt after attempt, until the file is whole or the line gives nothing more."""
    failures, furthest = 0, _size(part)
    with bytes_progress() as progress:
        while True:
            try:
                _fetch(url, part, most, progress)
                return
            except NETWORK_ERRORS as error:
                # A line that keeps breaking but gets further each time is worth staying with.
                failures = 0 if _size(part) > furthest else failures + 1
                furthest = max(furthest, _size(part))
                permanent = isinstance(error, urllib.error.HTTPError) and error.code not in PASSING
                if permanent or failures == ATTEMPTS:
                    raise HeadstartError(
                        f"could not download {url} ({_reason(error)}). Check the network and run again: "
                        f"what has arrived is kept.{ending}"
                    ) from error
                time.sleep(PAUSE_S * 2**failures)


def _check(url: str, part: Path, checksum: str | None, size: int | None, ending: str) -> None:
    """Remove a file that is not the published one, and say so."""
    if size is not None and _size(part) > size:
        wrong = f"more than the expected {size:,} bytes"  # the rest was not waited for
    elif size is not None and _size(part) != size:
        wrong = f"{_size(part):,} bytes, expected {size:,}"
    elif checksum is not None and (got := checksum_of(part, checksum.partition(":")[0])) != checksum:
        wrong = f"{_spelled(got)}, expected {_spelled(checksum)}"
    else:
        return
    part.unlink()
    raise HeadstartError(
        f"{url} sent a file with {wrong}. It was removed: run again, and if this "
        f"repeats, the address no longer holds the published file.{ending}"
    )


def _spelled(checksum: str) -> str:
    """``md5:5dd7…`` as ``MD5 5dd7…``."""
    kind, _, digits = checksum.partition(":")
    return f"{kind.upper().replace('SHA', 'SHA-')} {digits}"


def _fetch(url: str, part: Path, most: int | None, progress: Progress) -> None:
    """One attempt: ask for what is missing and write it; raises ConnectionError if the answer ends early.

    An answer that goes on beyond ``most`` bytes is left: it is not the file, and might not end.
    """
    have = _size(part)
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        # Nothing lies beyond what we have: either it is whole, or it is no part of this file.
        if error.headers.get("Content-Range", "") == f"bytes */{have}":
            return
        part.unlink()
        raise ConnectionError("the part kept from an earlier attempt did not fit; starting anew") from error
    with response:
        resumed = response.status == 206 and _starts_at(response.headers.get("Content-Range"), have)
        if response.status == 206 and not resumed:
            part.unlink()
            raise ConnectionError("the server sent another range than the one asked for; starting anew")
        start = have if resumed else 0
        length = response.headers.get("Content-Length")
        total = None if length is None else start + int(length)
        task = progress.add_task(url.rsplit("/", 1)[-1], total=total, completed=start)
        try:
            with part.open("ab" if resumed else "wb") as file:
                while chunk := response.read(CHUNK):
                    file.write(chunk)
                    progress.update(task, advance=len(chunk))
                    if most is not None and file.tell() > most:
                        return
                size = file.tell()
        finally:
            progress.remove_task(task)
        # http.client ends a sized read quietly when the connection is cut.
        if total is not None and size != total:
            raise ConnectionError(f"the connection was cut after {size:,} of {total:,} bytes")


def _starts_at(content_range: str | None, start: int) -> bool:
    return content_range is not None and content_range.startswith(f"bytes {start}-")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _reason(error: BaseException) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return str(error) or type(error).__name__
