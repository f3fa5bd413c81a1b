from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.data import load_dataset
from headstart.data.say import untold
from headstart.errors import HeadstartError


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")


def test_what_was_passed_over_is_said_on_loading(photos: Callable[..., Path], capsys: pytest.CaptureFixture) -> None:
    place = photos({"cat": 20, "dog": 20})
    (place / "cat" / "phone.heic").write_bytes(b"x")
    load_dataset(str(place))
    assert "passed over 1 files that are no images by their ending: 1 .heic" in capsys.readouterr().err


def test_a_class_whose_only_image_is_bad_is_said(photos: Callable[..., Path], capsys: pytest.CaptureFixture) -> None:
    place = photos({"cat": 20, "dog": 20, "owl": 1})
    (place / "owl" / "0.png").write_bytes(b"")
    with untold():
        load_dataset(str(place), max_bad=0.1)
    assert capsys.readouterr().err == ""
    load_dataset(str(place), max_bad=0.1)
    assert "no training image of owl: a model can't learn it" in capsys.readouterr().err


def test_too_few_images_for_a_test_are_told(photos: Callable[..., Path]) -> None:
    with pytest.raises(HeadstartError, match=r"2 images of .*photos are too few to set some aside as a test"):
        load_dataset(str(photos({"cat": 1, "dog": 1})))
