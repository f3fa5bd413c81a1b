from __future__ import annotations

import errno
import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from headstart.data.archive import unpack
from headstart.errors import HeadstartError


def tar(path: Path, *members: tarfile.TarInfo, content: bytes = b"bytes") -> Path:
    with tarfile.open(path, "w:gz") as packed:
        for info in members:
            info.size = len(content) if info.isreg() else 0
            packed.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return path


def link(name: str, to: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_tar_and_zip_unpack_to_the_same(tmp_path: Path) -> None:
    folder = tarfile.TarInfo("f")
    folder.type = tarfile.DIRTYPE
    one = tar(tmp_path / "a.tar.gz", folder, tarfile.TarInfo("f/a.bin"), tarfile.TarInfo("./f/g/b.bin"))
    two = zipped(tmp_path / "a.zip", {"f/a.bin": b"bytes", "f/g/b.bin": b"bytes"})
    for archive in (one, two):
        unpack(archive, tmp_path / archive.suffix, at_most=10)
        assert contents(tmp_path / archive.suffix) == {"f/a.bin": b"bytes", "f/g/b.bin": b"bytes"}


def test_only_wanted_files_are_written_and_counted(tmp_path: Path) -> None:
    archive = tar(tmp_path / "a.tar.gz", tarfile.TarInfo("f/a.bin"), tarfile.TarInfo("f/extra.txt"))
    unpack(archive, tmp_path / "out", at_most=5, wanted=lambda name: name.endswith(".bin"))
    assert contents(tmp_path / "out") == {"f/a.bin": b"bytes"}


@pytest.mark.parametrize(
    "name", ["../outside.bin", "f/../../outside.bin", "/absolute.bin", "C:/drive.bin", "..\\up.bin"]
)
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    archive = inner / f"a.{kind}"
    if kind == "tar":
        tar(archive, tarfile.TarInfo(name))
    else:
        zipped(archive, {name: b"bytes"})
    with pytest.raises(HeadstartError, match=r"in .*a\.(tar|zip) leads out of the folder: this is not the official"):
        unpack(archive, inner / "out", at_most=100)
    assert contents(tmp_path) == {f"inner/a.{kind}": archive.read_bytes()}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    archive = tar(tmp_path / "a.tar.gz", tarfile.TarInfo("f/real"), link("f/a.bin", "f/real", kind))
    with pytest.raises(HeadstartError, match=r"f/a\.bin in .*a\.tar\.gz is a link or a device"):
        unpack(archive, tmp_path / "out", at_most=100)


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("f/a.bin")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr(info, "/etc/passwd")
    with pytest.raises(HeadstartError, match=r"f/a\.bin in .*a\.zip is a link"):
        unpack(tmp_path / "a.zip", tmp_path / "out", at_most=100)
    assert contents(tmp_path / "out") == {}


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_more_than_the_stated_size_is_stopped_early(tmp_path: Path, kind: str) -> None:
    bomb = bytes(20_000_000)
    archive = tmp_path / f"a.{kind}"
    if kind == "tar":
        tar(archive, tarfile.TarInfo("a"), content=bomb)
    else:
        zipped(archive, {"a": bomb})
        assert archive.stat().st_size < 100_000
    with pytest.raises(HeadstartError, match=r"unpacks to more than the 1,000,000 bytes of the official archive: stop"):
        unpack(archive, tmp_path / "out", at_most=1_000_000)
    assert sum(map(len, contents(tmp_path / "out").values())) <= 1_000_000


def test_a_broken_archive_is_told(tmp_path: Path) -> None:
    whole = tar(tmp_path / "a.tar.gz", tarfile.TarInfo("f/a.bin"), content=hashlib.sha512().digest() * 4000)
    broken = tmp_path / "b.tar.gz"
    broken.write_bytes(whole.read_bytes()[:200])
    with pytest.raises(HeadstartError, match=r"could not unpack .*b\.tar\.gz .*expected a tar or zip archive"):
        unpack(broken, tmp_path / "out", at_most=10**9)


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tar(tmp_path / "a.tar.gz", tarfile.TarInfo("f/a.bin"))

    def full(self: Path, *_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(HeadstartError, match=r"no space left to write in .*out: free some"):
        unpack(archive, tmp_path / "out", at_most=100)


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a"), ("n" * 300,)])
def test_names_that_no_disk_can_hold_are_one_error(tmp_path: Path, names: tuple[str, ...]) -> None:
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as packed:
        for name in names:
            packed.writestr(name, b"x")
    with pytest.raises(HeadstartError, match=r"odd\.zip can.t be written \(.*\): this is not the official archive"):
        unpack(tmp_path / "odd.zip", tmp_path / "out", at_most=1000)
