from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.data import load_collection
from headstart.errors import HeadstartError

Photos = Callable[..., Path]


def test_bad_files_are_named_with_the_reason_and_left_out(
    photos: Photos, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    place = photos({"cat": 100, "dog": 100})
    (place / "cat" / "7.png").write_bytes(b"")
    whole = (place / "dog" / "8.png").read_bytes()
    (place / "dog" / "8.png").write_bytes(whole[: len(whole) // 2])
    for _ in range(2):  # the second start says it too
        found = load_collection(str(place))
        told = capsys.readouterr().err
        assert told.count("left out 2 of 200 images: cat/7.png (the file is empty); dog/8.png (") == 1
        assert [name for name, _ in found.bad] == ["cat/7.png", "dog/8.png"]
        assert len(found.parts["train"]) == 198
        assert "cat/7.png" not in found.parts["train"].names
    labels = found.parts["train"].split.labels
    assert labels.bincount().tolist() == [99, 99]


def test_too_many_bad_files_stop_it_and_leave_nothing(photos: Photos, own_root: Path) -> None:
    place = photos({"cat": 10, "dog": 10})
    (place / "cat" / "7.png").write_bytes(b"<html>not found")
    with pytest.raises(
        HeadstartError,
        match=r"1 of 20 images can't be used, more than the share of 0\.01 .*: cat/7\.png \(no known image format "
        r".*allow more: --set max_bad=0\.05",
    ):
        load_collection(str(place))
    assert not (own_root / "decoded").exists()
    assert len(load_collection(str(place), max_bad=0.05).parts["train"]) == 19


def test_a_cut_jpeg_counts_as_bad(tmp_path: Path, encoded: Callable) -> None:
    for name in ("a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"):
        (tmp_path / "p" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "p" / name).write_bytes(encoded(1, (60, 60), kind="JPEG"))
    cut = encoded(1, (60, 60), kind="JPEG")
    (tmp_path / "p" / "b" / "2.jpg").write_bytes(cut[: len(cut) // 2])
    with pytest.raises(HeadstartError, match=r"1 of 4 images can't be used.* b/2\.jpg \(image file is truncated"):
        load_collection(str(tmp_path / "p"))


def test_a_gap_keeps_its_place(tmp_path: Path, encoded: Callable) -> None:
    """Two tables that differ only in where a missing file is named share no cache: the labels would shift."""
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(encoded(number))
    rows = ["0.png,a", "1.png,b", "2.png,a"]
    found = []
    for at in (1, 2):
        table = tmp_path / f"gap{at}.csv"
        table.write_text("\n".join(["path,label", *rows[:at], "missing.png,b", *rows[at:]]))
        found.append(load_collection(str(table), max_bad=0.5).parts["train"])
    assert [list(part.names) for part in found] == [["0.png", "1.png", "2.png"]] * 2
    assert [part.split.labels.tolist() for part in found] == [[0, 1, 0]] * 2


def test_a_file_that_could_not_be_read_is_tried_again(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    place = photos({"cat": 4, "dog": 4})
    read = Path.read_bytes

    def closed(self: Path) -> bytes:
        if self.parts[-2:] == ("cat", "3.png"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", closed)
    assert load_collection(str(place), max_bad=0.5).bad == (("cat/3.png", "Permission denied"),)
    monkeypatch.setattr(Path, "read_bytes", read)  # no file's time of change tells of it
    found = load_collection(str(place))
    assert found.bad == () and len(found.parts["train"]) == 8
