from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.data import disk, load_collection, load_dataset
from headstart.data.mapped import MappedSplit
from headstart.errors import HeadstartError

Photos = Callable[..., Path]


def folders(root: Path) -> list[Path]:
    return sorted(p for p in (root / "decoded").iterdir() if p.name != "index")


def forbid_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("an image was opened")

    monkeypatch.setattr(Path, "read_bytes", refuse)


def test_the_second_start_opens_no_image(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    place = photos({"cat": 10, "dog": 10})
    first = load_dataset(str(place))
    forbid_opening(monkeypatch)
    again = load_dataset(str(place))
    assert torch.equal(first.train.images, again.train.images)
    assert (first.mean, first.std) == (again.mean, again.std)


def test_a_copy_of_the_files_finds_the_same_cache(photos: Photos, own_root: Path) -> None:
    one = photos({"cat": 5, "dog": 5})
    load_collection(str(one))
    made = (folders(own_root)[0] / "images.bin").stat().st_mtime_ns
    one.rename(one.with_name("photos2"))
    (one.parent / "photos2").rename(one.parent / "elsewhere")
    for path in (one.parent / "elsewhere").rglob("*.png"):
        os.utime(path)
    (one.parent / "elsewhere").rename(one)
    load_collection(str(one))
    assert len(folders(own_root)) == 1
    assert (folders(own_root)[0] / "images.bin").stat().st_mtime_ns == made


def test_another_content_or_size_makes_another_cache(photos: Photos, own_root: Path, encoded: Callable) -> None:
    place = photos({"cat": 5, "dog": 5})
    load_collection(str(place))
    load_collection(str(place), image_size=8)
    assert len(folders(own_root)) == 2
    (place / "cat" / "0.png").write_bytes(encoded(99))
    before = load_collection(str(place), image_size=8).parts["train"].split.images[0]
    assert len(folders(own_root)) == 3
    assert torch.equal(before[0], torch.from_numpy(_decoded(encoded(99), 8))[0])


def _decoded(content: bytes, size: int) -> np.ndarray:
    from headstart.data.decoding import decode

    return decode(content, size, grey=False)


def test_splits_are_memory_mapped_and_read_by_the_batch(photos: Photos) -> None:
    data = load_dataset(str(photos({"cat": 20, "dog": 20})), image_size=8)
    assert isinstance(data.train, MappedSplit)
    assert isinstance(data.train[torch.tensor([3, 1])], MappedSplit)
    assert data.train[2:5].images.shape == (3, 3, 8, 8)
    assert torch.equal(data.train[torch.tensor([3, 1])].images, data.train.images[[3, 1]])


def test_mean_and_deviation_are_those_of_the_pixels(photos: Photos) -> None:
    found = load_collection(str(photos({"train/cat": 6, "train/dog": 6, "test/cat": 3, "test/dog": 3})))
    pixels = found.parts["train"].split.images.double() / 255
    assert found.mean == pytest.approx(pixels.mean((0, 2, 3)).tolist())
    assert found.std == pytest.approx(pixels.std((0, 2, 3), correction=0).tolist())


def test_too_little_room_is_told_before_decoding(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10})())
    with pytest.raises(HeadstartError, match=r"0 MB are needed in .*decoded, 0 MB are free"):
        load_collection(str(photos({"cat": 2, "dog": 2})))


def test_a_read_only_cache_is_one_error(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    place = photos({"cat": 2, "dog": 2})
    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(HeadstartError, match=r"decoded can't be written to \(Read-only file system\): set HEADSTART_D"):
        load_collection(str(place))


def test_a_cut_cache_is_told(photos: Photos, own_root: Path) -> None:
    place = photos({"cat": 4, "dog": 4})
    load_collection(str(place))
    with (folders(own_root)[0] / "images.bin").open("r+b") as file:
        file.truncate(100)
    with pytest.raises(HeadstartError, match=r"was altered: images\.bin is not of shape .*; delete the folder"):
        load_collection(str(place))


def test_a_cache_that_can_only_be_read_is_used(photos: Photos, own_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = photos({"cat": 4, "dog": 4})
    load_collection(str(place))
    for path in place.rglob("*.png"):
        os.utime(path)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert len(load_collection(str(place)).parts["train"]) == 8


def test_a_cache_without_its_description_is_made_anew(photos: Photos, own_root: Path) -> None:
    place = photos({"cat": 4, "dog": 4})
    before = load_collection(str(place)).parts["train"].split.images
    (folders(own_root)[0] / "about.json").unlink()
    assert torch.equal(load_collection(str(place)).parts["train"].split.images, before)


def test_a_damaged_index_is_made_anew(photos: Photos, own_root: Path) -> None:
    place = photos({"cat": 4, "dog": 4})
    load_collection(str(place))
    (index,) = (own_root / "decoded" / "index").iterdir()
    index.write_text("{")
    load_collection(str(place))
    assert json.loads(index.read_text())["folder"] == folders(own_root)[0].name


def test_the_cache_does_not_know_labels(photos: Photos, own_root: Path) -> None:
    place = photos({"cat": 4, "dog": 4})
    load_collection(str(place))
    (place / "dog").rename(place / "wolf")
    assert load_collection(str(place)).classes == ("cat", "wolf")
    assert len(folders(own_root)) == 1


def test_what_is_written_to_a_batch_does_not_reach_the_file(photos: Photos) -> None:
    place = str(photos({"cat": 4, "dog": 4}))
    found = load_collection(place).parts["train"].split
    assert isinstance(found, MappedSplit)
    found.store[:] = 0
    assert load_collection(place).parts["train"].split.images.any()


def test_about_json_holds_no_path_of_the_machine(photos: Photos, own_root: Path) -> None:
    load_collection(str(photos({"cat": 2, "dog": 2})))
    about = json.loads((folders(own_root)[0] / "about.json").read_text())
    assert str(own_root.parent) not in json.dumps(about)


@pytest.mark.parametrize("name", ["images.bin", "digests.npy", "sums.npy"])
def test_a_cache_that_lacks_a_file_is_told(photos: Photos, own_root: Path, name: str) -> None:
    place = photos({"cat": 4, "dog": 4})
    load_collection(str(place))
    (folders(own_root)[0] / name).unlink()
    with pytest.raises(HeadstartError, match=rf"was altered: .*{name}.*; delete the folder, run again"):
        load_collection(str(place))


def test_a_damaged_description_is_told(photos: Photos, own_root: Path) -> None:
    place = photos({"cat": 4, "dog": 4})
    load_collection(str(place))
    (folders(own_root)[0] / "about.json").write_text("{")
    with pytest.raises(HeadstartError, match=r"was altered: Expecting property name.*; delete the folder, run again"):
        load_collection(str(place))
