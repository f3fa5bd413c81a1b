"""Downloads against a real HTTP server on this machine that breaks in the ways servers do."""

from __future__ import annotations

import errno
import hashlib
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from headstart.data import disk
from headstart.data import download as module
from headstart.data.download import download
from headstart.errors import HeadstartError

CONTENT = bytes(range(256)) * 2000
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT; its attributes say how it behaves, ``ranges`` what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.understands_range = True
        self.cut_after: list[int] = []  # one entry for each answer that breaks off after so many bytes
        self.statuses: list[int] = []  # one entry for each answer that is an error
        self.shift = 0  # answer another range than the one asked for
        self.ranges: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/data.tar.gz"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        if self.server.statuses:
            self.send_error(self.server.statuses.pop(0))
            return
        start = 0
        if asked and self.server.understands_range:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) + self.server.shift
            if start >= len(CONTENT):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(CONTENT)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        else:
            self.send_response(200)
        body = CONTENT[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.cut_after.pop(0)] if self.server.cut_after else body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "new" / "folder" / "data.tar.gz"


def only(target: Path) -> bool:
    """The file is there and whole, and nothing else is beside it."""
    return target.read_bytes() == CONTENT and [*target.parent.iterdir()] == [target]


def test_a_plain_download(server: Server, target: Path) -> None:
    assert download(server.url, target, checksum=MD5) == target
    assert only(target)
    assert server.ranges == [None]


def test_a_cut_connection_goes_on_where_it_stopped(server: Server, target: Path) -> None:
    server.cut_after = [100_000, 50_000]
    download(server.url, target, checksum=MD5)
    assert only(target)
    assert server.ranges == [None, "bytes=100000-", "bytes=150000-"]


def test_an_earlier_run_is_gone_on_with(server: Server, target: Path) -> None:
    target.parent.mkdir(parents=True)
    target.with_name("data.tar.gz.part").write_bytes(CONTENT[:300_000])
    download(server.url, target, checksum=MD5)
    assert only(target)
    assert server.ranges == ["bytes=300000-"]


def test_a_server_without_ranges_starts_anew(server: Server, target: Path) -> None:
    server.understands_range = False
    server.cut_after = [100_000]
    download(server.url, target, checksum=MD5)
    assert only(target)
    assert server.ranges == [None, "bytes=100000-"]


def test_a_server_that_sends_another_range_starts_anew(server: Server, target: Path) -> None:
    target.parent.mkdir(parents=True)
    target.with_name("data.tar.gz.part").write_bytes(CONTENT[:300_000])
    server.shift = 7
    download(server.url, target, checksum=MD5)
    assert only(target)
    assert server.ranges == ["bytes=300000-", None]


def test_a_part_that_is_already_whole(server: Server, target: Path) -> None:
    target.parent.mkdir(parents=True)
    target.with_name("data.tar.gz.part").write_bytes(CONTENT)
    download(server.url, target, checksum=MD5)
    assert only(target)
    assert server.ranges == [f"bytes={len(CONTENT)}-"]


def test_a_part_longer_than_the_file_starts_anew(server: Server, target: Path) -> None:
    target.parent.mkdir(parents=True)
    target.with_name("data.tar.gz.part").write_bytes(CONTENT + b"more")
    download(server.url, target, checksum=MD5)
    assert only(target)


def test_a_busy_server_is_asked_again(server: Server, target: Path) -> None:
    server.statuses = [503, 429]
    download(server.url, target, checksum=MD5)
    assert only(target)


def test_a_wrong_checksum_is_told_and_the_file_removed(server: Server, target: Path) -> None:
    told = f"sent a file with MD5 {MD5.removeprefix('md5:')}, expected MD5 {'0' * 32}. It was removed"
    with pytest.raises(HeadstartError, match=told):
        download(server.url, target, checksum=f"md5:{'0' * 32}")
    assert [*target.parent.iterdir()] == []


def test_a_refusal_is_not_repeated(server: Server, target: Path) -> None:
    server.statuses = [404]
    with pytest.raises(HeadstartError, match=r"could not download http.*data\.tar\.gz \(HTTP 404 Not Found\)"):
        download(server.url, target, checksum=MD5)
    assert len(server.ranges) == 1


def test_a_line_that_keeps_breaking_keeps_what_arrived(server: Server, target: Path) -> None:
    server.cut_after = [100_000] + [0] * 10
    with pytest.raises(HeadstartError, match=r"cut after 100,000 of 512,000 bytes.*what has arrived is kept"):
        download(server.url, target, checksum=MD5)
    assert target.with_name("data.tar.gz.part").read_bytes() == CONTENT[:100_000]
    assert not target.exists()


def test_progress_counts_as_success_however_often_it_breaks(server: Server, target: Path) -> None:
    server.cut_after = [40_000] * 10
    download(server.url, target, checksum=MD5)
    assert only(target)


def test_no_network_names_the_address_and_the_way_round(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    with socket.socket() as closed:  # bound but not listening: connections are refused
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/data.tar.gz"
        with pytest.raises(HeadstartError, match=rf"could not download {url} \(.*refused\).* Or do this\."):
            download(url, target, checksum=MD5, instead="Or do this.")
    assert not target.exists()


def test_sha256_is_known_too(server: Server, target: Path) -> None:
    download(server.url, target, checksum="sha256:" + hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT))
    assert only(target)


def test_a_wrong_size_is_told_and_the_file_removed(server: Server, target: Path) -> None:
    with pytest.raises(HeadstartError, match=r"sent a file with 512,000 bytes, expected 512,001\. It was removed"):
        download(server.url, target, size=len(CONTENT) + 1)
    assert [*target.parent.iterdir()] == []


def test_a_disk_without_room_is_told_before_the_first_byte(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: SimpleNamespace(free=3_000_000))
    with pytest.raises(HeadstartError, match=r"7 MB are needed in .*, 3 MB are free: .* set HEADSTART_DATA"):
        download(server.url, target, size=7_000_000)
    assert server.ranges == []


def test_a_disk_that_fills_up_keeps_what_arrived(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(url: str, part: Path, *_: object) -> None:
        part.write_bytes(CONTENT[:1000])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_fetch", write)
    with pytest.raises(HeadstartError, match=r"no space left to write in .*folder: free some, or set HEADSTART_DATA"):
        download(server.url, target, checksum=MD5)
    assert [path.name for path in target.parent.iterdir()] == ["data.tar.gz.part"]


def test_a_file_that_goes_on_and_on_is_left(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 1000)
    with pytest.raises(HeadstartError, match=r"sent a file with more than the expected 2,500 bytes\. It was removed"):
        download(server.url, target, size=2500)
    assert [*target.parent.iterdir()] == []
