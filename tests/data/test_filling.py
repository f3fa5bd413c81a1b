from __future__ import annotations

import errno
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.data import filling, load_collection
from headstart.errors import HeadstartError

Photos = Callable[..., Path]


def test_all_grey_gives_one_channel_and_one_colour_image_three(photos: Photos, encoded: Callable) -> None:
    place = photos({"cat": 4, "dog": 4}, mode="L")
    assert load_collection(str(place)).parts["train"].split.image_shape == (1, 12, 12)
    (place / "cat" / "0.png").write_bytes(encoded(5))
    assert load_collection(str(place)).parts["train"].split.image_shape == (3, 12, 12)


def test_the_side_is_the_usual_one_that_half_of_the_images_fill(photos: Photos) -> None:
    assert load_collection(str(photos({"a": 3, "b": 3}, size=(70, 50)))).parts["train"].split.image_shape == (3, 48, 48)


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
