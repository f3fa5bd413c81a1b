"""Finding, downloading and unpacking, with a dataset of two archives and a loose file."""

from __future__ import annotations

import hashlib
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from headstart.data import locate as module
from headstart.data.locate import at_hand, locate
from headstart.data.source import RemoteFile, Source
from headstart.data.sources import SOURCES
from headstart.errors import HeadstartError


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """Two archives that share a folder, and a list beside them; the addresses are files here."""
    offered = tmp_path / "offered"
    offered.mkdir()
    with zipfile.ZipFile(offered / "train.zip", "w") as packed:
        packed.writestr("two/train/a.txt", "a")
    (tmp_path / "b.txt").write_text("b")
    with tarfile.open(offered / "test.tar.gz", "w:gz") as packed:
        packed.add(tmp_path / "b.txt", "two/test/b.txt")
        packed.add(tmp_path / "b.txt", "two/test/unwanted.bin")
    (offered / "list.txt").write_text("a b")
    files = []
    for name, most in (("train.zip", 10), ("test.tar.gz", 10), ("list.txt", None)):
        content = (offered / name).read_bytes()
        checksum = "sha256:" + hashlib.sha256(content).hexdigest()
        wanted = (".txt",) if most else ()
        url = (offered / name).as_uri()
        files.append(RemoteFile(url, checksum, len(content), unpacks_to=most, wanted=wanted))
    return replace(
        SOURCES["gtsrb"], name="two", title="Two", files=tuple(files), folders=("", "old"),
        needs=("two/train", "two/test", "list.txt|LIST"),
    )  # fmt: skip


def tree(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_all_files_arrive_in_one_folder_and_downloads_are_removed(source: Source, own_root: Path) -> None:
    assert at_hand(source, own_root) is None
    assert locate(source, None, own_root) == own_root / "two"
    assert tree(own_root) == ["two/list.txt", "two/two/test/b.txt", "two/two/train/a.txt"]
    assert at_hand(source, own_root) == own_root / "two"


def test_the_second_time_nothing_is_fetched(source: Source, own_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locate(source, None, own_root)
    monkeypatch.setattr(module, "download", None)
    assert locate(source, None, own_root) == own_root / "two"


def test_archives_at_hand_are_unpacked_and_kept(source: Source, tmp_path: Path, own_root: Path) -> None:
    assert locate(source, tmp_path / "offered", own_root) == own_root / "two"
    assert tree(tmp_path / "offered") == ["list.txt", "test.tar.gz", "train.zip"]


def test_a_mirror_is_asked_when_the_official_address_does_not_answer(source: Source, own_root: Path) -> None:
    first = source.files[0]
    gone = replace(first, url=first.url.replace("offered", "gone"), mirrors=(first.url,))
    assert locate(replace(source, files=(gone, *source.files[1:])), None, own_root)
    nowhere = replace(gone, mirrors=(gone.url + "2",))
    with pytest.raises(HeadstartError, match=r"could not download .*gone/train\.zip \("):
        locate(replace(source, files=(nowhere,)), None, own_root / "other")


def test_what_is_left_of_a_dataset_is_not_built_upon(source: Source, own_root: Path) -> None:
    locate(source, None, own_root)
    (own_root / "two" / "list.txt").unlink()
    with pytest.raises(
        HeadstartError, match=r"root/two lacks list\.txt or LIST of two: delete the folder and run again"
    ):
        locate(source, None, own_root)
    assert not (own_root / "downloads").exists()


def test_a_wrong_checksum_leaves_no_dataset(source: Source, own_root: Path) -> None:
    wrong = replace(source.files[1], checksum="md5:" + "0" * 32, size=None)
    with pytest.raises(HeadstartError, match=r"test\.tar\.gz sent a file with MD5 \w+, expected MD5 0{32}\."):
        locate(replace(source, files=(source.files[0], wrong)), None, own_root)
    assert tree(own_root) == ["downloads/two/train.zip"]


def test_a_bomb_leaves_no_dataset(source: Source, own_root: Path) -> None:
    bomb = replace(source.files[1], unpacks_to=0)
    with pytest.raises(HeadstartError, match=r"test\.tar\.gz unpacks to more than the 0 bytes"):
        locate(replace(source, files=(source.files[0], bomb, source.files[2])), None, own_root)
    assert not [name for name in tree(own_root) if not name.startswith("downloads/")]


def test_an_interrupted_unpacking_leaves_no_dataset(
    source: Source, own_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "unpack", interrupt)
    with pytest.raises(KeyboardInterrupt):
        locate(source, None, own_root)
    assert [path.name for path in own_root.iterdir()] == ["downloads"]
    monkeypatch.undo()
    assert locate(source, None, own_root)


def test_a_download_that_was_altered_since_is_told(source: Source, own_root: Path) -> None:
    (own_root / "downloads" / "two").mkdir(parents=True)
    (own_root / "downloads" / "two" / "train.zip").write_bytes(b"altered")
    with pytest.raises(HeadstartError, match=r"train\.zip is not the official file: expected sha256:\w+, got sha256:"):
        locate(source, None, own_root)


@pytest.mark.parametrize("make", [lambda p: p / "absent", lambda p: p / "list.csv"])
def test_what_is_not_there_or_no_file_of_it(source: Source, tmp_path: Path, make: Callable, own_root: Path) -> None:
    (tmp_path / "list.csv").write_text("")
    message = r"there is no folder .*absent|list\.csv is no file of two: expected train\.zip or test\.tar\.gz"
    with pytest.raises(HeadstartError, match=message):
        locate(source, make(tmp_path), own_root)


def test_the_nearest_folder_and_what_it_lacks_are_named(source: Source, tmp_path: Path, own_root: Path) -> None:
    for folder in ("two/train", "two/test"):
        (tmp_path / "here" / "old" / folder).mkdir(parents=True)
    with pytest.raises(HeadstartError, match=r"expected Two in .*here/old, found no list\.txt or LIST: name the"):
        locate(source, tmp_path / "here", own_root)
    (tmp_path / "here" / "old" / "LIST").write_text("")
    assert locate(source, tmp_path / "here", own_root) == tmp_path / "here" / "old"


def test_two_at_once_fetch_it_once(source: Source, own_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched, found = [], []
    download = module.download

    def slowly(url: str, target: Path, **more: object) -> Path:
        fetched.append(url)
        time.sleep(0.05)
        return download(url, target, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "download", slowly)
    threads = [threading.Thread(target=lambda: found.append(locate(source, None, own_root))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [own_root / "two"] * 3
    assert len(fetched) == 3  # its three files


def test_an_unpacked_file_is_compared_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "labels").write_bytes(b"other")
    content = "sha256:" + hashlib.sha256(b"labels").hexdigest()
    file = RemoteFile("https://x.org/labels.gz", checksum="sha256:00", content=content)
    with pytest.raises(HeadstartError, match=r"labels is not the official file: expected sha256:"):
        module.verify(tmp_path / "labels.gz", file)
    (tmp_path / "labels").write_bytes(b"labels")
    module.verify(tmp_path / "labels.gz", file)
