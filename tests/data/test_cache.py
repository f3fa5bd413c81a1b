from __future__ import annotations

import errno
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.data import disk, filling, load_collection, load_dataset
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


def test_all_grey_gives_one_channel_and_one_colour_image_three(photos: Photos, encoded: Callable) -> None:
    place = photos({"cat": 4, "dog": 4}, mode="L")
    assert load_collection(str(place)).parts["train"].split.image_shape == (1, 12, 12)
    (place / "cat" / "0.png").write_bytes(encoded(5))
    assert load_collection(str(place)).parts["train"].split.image_shape == (3, 12, 12)


def test_the_side_is_the_usual_one_that_half_of_the_images_fill(photos: Photos) -> None:
    assert load_collection(str(photos({"a": 3, "b": 3}, size=(70, 50)))).parts["train"].split.image_shape == (3, 48, 48)


def test_mean_and_deviation_are_those_of_the_pixels(photos: Photos) -> None:
    found = load_collection(str(photos({"train/cat": 6, "train/dog": 6, "test/cat": 3, "test/dog": 3})))
    pixels = found.parts["train"].split.images.double() / 255
    assert found.mean == pytest.approx(pixels.mean((0, 2, 3)).tolist())
    assert found.std == pytest.approx(pixels.std((0, 2, 3), correction=0).tolist())


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


def test_a_full_disk_is_one_error_and_leaves_nothing(
    photos: Photos, own_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.BytesIO):
        def write(self, content: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    opened = Path.open

    def open_(self: Path, *arguments: object, **more: object) -> object:
        return Full() if self.name == "images.bin" else opened(self, *arguments, **more)

    monkeypatch.setattr(Path, "open", open_)
    with pytest.raises(HeadstartError, match=r"no space left to write in .*decoded: free some, or set HEADSTART_DATA"):
        load_collection(str(photos({"cat": 2, "dog": 2})))
    assert [*(own_root / "decoded").iterdir()] == []


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


def test_an_interrupted_decoding_leaves_nothing(
    photos: Photos, own_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = photos({"cat": 4, "dog": 4})
    decode = filling.decode
    monkeypatch.setattr(filling, "decode", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        load_collection(str(place))
    assert [*(own_root / "decoded").iterdir()] == []
    monkeypatch.setattr(filling, "decode", decode)
    assert len(load_collection(str(place)).parts["train"]) == 8


def test_a_cut_cache_is_told(photos: Photos, own_root: Path) -> None:
    place = photos({"cat": 4, "dog": 4})
    load_collection(str(place))
    with (folders(own_root)[0] / "images.bin").open("r+b") as file:
        file.truncate(100)
    with pytest.raises(HeadstartError, match=r"was altered: images\.bin is not of shape .*; delete the folder"):
        load_collection(str(place))


def test_a_file_that_can_no_longer_be_read_is_not_kept_as_bad(
    photos: Photos, own_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = photos({"cat": 4, "dog": 4})
    read, times = Path.read_bytes, []

    def fails_the_second_time(self: Path) -> bytes:
        times.append(self.name)
        if times.count("3.png") > 2:
            raise OSError(errno.EIO, "Input/output error")
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", fails_the_second_time)
    with pytest.raises(HeadstartError, match=r"3\.png could not be read again \(Input/output error\): try once more"):
        load_collection(str(place))
    assert [*(own_root / "decoded").iterdir()] == []


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
