import errno
import json
from pathlib import Path

import pytest

from headstart.errors import HeadstartError
from headstart.training import files
from headstart.training.files import write_atomically, write_json, write_lines


def test_json_and_lines_are_written(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"new": 2})
    assert json.loads((tmp_path / "a.json").read_text()) == {"new": 2}
    write_lines(tmp_path / "a.jsonl", [{"a": 1}, {"a": 2}])
    assert (tmp_path / "a.jsonl").read_text() == '{"a": 1}\n{"a": 2}\n'


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EFBIG])
@pytest.mark.parametrize("place", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_no_half_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, code: int
) -> None:
    write_json(tmp_path / "a.json", {"old": 1})

    def full(*_: object) -> None:
        raise OSError(code, "full")

    monkeypatch.setattr(files.os, place, full)
    with pytest.raises(HeadstartError, match=r"disk is full: .*a.json \(0.0 MB\) could not .* Make room, and the same"):
        write_json(tmp_path / "a.json", {"new": 2})
    assert (tmp_path / "a.json").read_text() == '{\n "old": 1\n}\n'
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_other_failures_are_told_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(files.os, "fsync", failing)
    with pytest.raises(OSError, match="Input/output"):
        write_json(tmp_path / "a.json", {})
    assert not list(tmp_path.iterdir())


def test_the_old_file_can_be_kept(tmp_path: Path) -> None:
    path, before = tmp_path / "a", tmp_path / "before"
    write_atomically(path, b"1", keep=before)
    assert not before.exists()
    write_atomically(path, b"2", keep=before)
    write_atomically(path, b"3", keep=before)
    assert (path.read_bytes(), before.read_bytes()) == (b"3", b"2")
