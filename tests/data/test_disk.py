from __future__ import annotations

import errno
import os
import threading
import time
from pathlib import Path

import pytest

from headstart.data import disk
from headstart.data.disk import data_root, new_folder, one_at_a_time, room_for, writing
from headstart.errors import HeadstartError


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "data"
    with new_folder(target) as part:
        (part / "a").write_text("a")
        assert not target.exists() and part.parent == target.parent
    assert (target / "a").read_text() == "a"
    assert [path.name for path in target.parent.iterdir()] == ["data"]
    assert target.stat().st_mode & 0o700 == 0o700


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), new_folder(tmp_path / "data") as part:
        (part / "a").write_text("a")
        raise RuntimeError
    assert [*tmp_path.iterdir()] == []


def test_two_at_once_leave_the_first(tmp_path: Path) -> None:
    with new_folder(tmp_path / "data") as mine:
        (mine / "a").write_text("mine")
        with new_folder(tmp_path / "data") as theirs:
            (theirs / "a").write_text("theirs")
    assert (tmp_path / "data" / "a").read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "no space left to write in .*: free some, or set HEADSTART_DATA to a folder on another disk"),
        (errno.EROFS, r"can't be written to \(.*\): set HEADSTART_DATA to a folder that can"),
        (errno.EACCES, r"can't be written to"),
    ],
)
def test_what_a_disk_refuses_is_one_error(tmp_path: Path, number: int, message: str) -> None:
    with pytest.raises(HeadstartError, match=message), writing(tmp_path):
        raise OSError(number, "as the system says it")


def test_the_way_to_another_folder_is_the_callers(tmp_path: Path) -> None:
    message = "can't be written to .*: name with --out a file in a folder that can"
    with pytest.raises(HeadstartError, match=message), writing(tmp_path, "name with --out a file in"):
        raise OSError(errno.EROFS, "Read-only file system")


def test_other_failures_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), writing(tmp_path):
        raise IsADirectoryError(errno.EISDIR, "x")


def test_room_is_asked_of_the_nearest_folder(tmp_path: Path) -> None:
    room_for(1, tmp_path / "not" / "yet")
    with pytest.raises(HeadstartError, match=r"MB are needed in .*yet, [\d,]+ MB are free"):
        room_for(1 << 60, tmp_path / "not" / "yet")


def test_the_root_is_given_or_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert data_root(tmp_path) == tmp_path
    monkeypatch.setenv("HEADSTART_DATA", "~/data")
    assert data_root() == Path.home() / "data"
    monkeypatch.setenv("HEADSTART_DATA", "")
    assert data_root() == Path.home() / ".cache" / "headstart"


def test_one_goes_in_at_a_time_and_no_lock_is_left(tmp_path: Path) -> None:
    inside, most = [], []

    def work(number: int) -> None:
        with one_at_a_time(tmp_path / "root" / ".x.lock"):
            inside.append(number)
            most.append(len(inside))
            time.sleep(0.02)
            inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 5
    assert [*(tmp_path / "root").iterdir()] == []


def test_a_lock_that_vanishes_while_it_is_looked_at_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, looks, fstat = tmp_path / ".x.lock", [], os.fstat

    def removed_meanwhile(number: int) -> os.stat_result:
        looks.append(number)
        if len(looks) == 1:  # whoever went before goes away now
            lock.unlink()
        return fstat(number)

    monkeypatch.setattr(os, "fstat", removed_meanwhile)
    with one_at_a_time(lock):
        assert lock.exists() and len(looks) == 2
    assert not lock.exists()


def test_who_gives_up_waiting_leaves_the_lock_of_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_text: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(disk, "tell", interrupted)
    lock = tmp_path / ".x.lock"
    with one_at_a_time(lock):
        with pytest.raises(KeyboardInterrupt), one_at_a_time(lock):
            pass
        assert lock.exists()
    assert not lock.exists()
