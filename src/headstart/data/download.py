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

from headstart.errors import HeadstartError

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["download", "md5_of"]

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


def md5_of(path: Path) -> str:
    """MD5 of a file, as hexadecimal digits. The published checksums of small datasets are MD5."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def download(url: str, target: Path, *, md5: str, instead: str = "") -> Path:
    """Fetch ``url`` to ``target``, going on where an earlier attempt was cut.

    Bytes are collected in ``target.part``. If that file exists, only the rest is asked for (HTTP Range); a
    server that sends everything all the same is taken at its word, and the file starts anew. Only a file with
    the right checksum is moved to ``target``.

    Args:
        url: http or https.
        target: the file to be; its folder is made.
        md5: of the whole file, hexadecimal.
        instead: what a person without a network can do, as the end of the error message.

    Raises:
        HeadstartError: if the address can't be reached, answers with an error, or sends a file with another
            checksum (which is then removed).
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    ending = f" {instead}" if instead else ""
    failures, furthest = 0, _size(part)
    with _progress() as progress:
        while True:
            try:
                _fetch(url, part, progress)
                break
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
    got = md5_of(part)
    if got != md5:
        part.unlink()
        raise HeadstartError(
            f"{url} sent a file with MD5 {got}, expected {md5}. It was removed: run again, and if this "
            f"repeats, the address no longer holds the published file.{ending}"
        )
    os.replace(part, target)
    return target


def _fetch(url: str, part: Path, progress: Progress) -> None:
    """One attempt: ask for what is missing and write it; raises ConnectionError if the answer ends early."""
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


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        "{task.description}",
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)
