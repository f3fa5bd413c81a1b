from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from headstart.data import Split, contact_sheet, load_collection, save_sheet
from headstart.data.collection import from_splits
from headstart.errors import HeadstartError


def plain(classes: int, each: int, size: int = 8, channels: int = 3) -> Split:
    """Class c is the plain grey of value 20 + 10 c."""
    labels = torch.arange(classes).repeat_interleave(each)
    images = (20 + 10 * labels).to(torch.uint8)[:, None, None, None].repeat(1, channels, size, size)
    return Split(images, labels)


def values(sheet: Image.Image) -> set[int]:
    return set(np.unique(np.asarray(sheet.convert("L"))).tolist())


@pytest.mark.parametrize("channels", [1, 3])
def test_every_class_has_a_row_of_its_images(channels: int) -> None:
    found = from_splits("plain", ("one", "zwei", "Übrige"), {"train": plain(3, 5, channels=channels)})
    sheet = contact_sheet(found, columns=4)
    pixels = np.asarray(sheet.convert("L"))
    for value in (20, 30, 40):
        # Four squares of 72 × 72: 8 pixels, enlarged nine times.
        assert (pixels == value).sum() >= 4 * 72 * 72
    rows = [np.flatnonzero((pixels == value).sum(1) > 72).min() for value in (20, 30, 40)]
    assert rows == sorted(rows)


def test_many_classes_are_cut_and_few_images_leave_white() -> None:
    found = from_splits("plain", tuple(map(str, range(20))), {"train": plain(20, 2)})
    sheet = contact_sheet(found, columns=6, rows=5)
    assert {20, 60} <= values(sheet) and sheet.height < 6 * 90
    assert not {70, 80} & values(sheet.crop((sheet.width // 2, 30, sheet.width, sheet.height)))


def test_photos_are_shrunk(photos: Callable[..., Path]) -> None:
    found = load_collection(str(photos({"cat": 2, "dog": 2}, size=(300, 260))))
    sheet = contact_sheet(found, columns=2)
    assert found.parts["train"].split.image_shape == (3, 224, 224)
    assert sheet.height < 2 * 130 + 50


def test_a_sheet_is_saved_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = Image.new("RGB", (4, 4))
    path = save_sheet(sheet, tmp_path / "new" / "sheet.png")
    with Image.open(path) as image:
        assert image.size == (4, 4)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(HeadstartError, match="no space left to write in"):
        save_sheet(sheet, tmp_path / "other.png")
    assert [p.name for p in tmp_path.iterdir()] == ["new"]
