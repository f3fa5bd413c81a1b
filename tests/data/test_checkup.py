from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from headstart.data import Split, checkup, load_collection, load_dataset
from headstart.data.collection import from_splits

Photos = Callable[..., Path]


def copy(place: Path, source: str, target: str) -> None:
    (place / target).write_bytes((place / source).read_bytes())


def test_a_clean_dataset_has_no_findings(photos: Photos) -> None:
    report = checkup(load_collection(str(photos({"train/cat": 3, "train/dog": 4, "test/cat": 2}))))
    assert report.counts == {"train": [3, 4], "test": [2, 0]}
    assert report.repeated == report.leaked == report.contradictory == ()


def test_copies_across_parts_are_leakage(photos: Photos) -> None:
    place = photos({"train/cat": 3, "train/dog": 4, "val/cat": 2, "val/dog": 2, "test/cat": 2, "test/dog": 1})
    copy(place, "train/cat/1.png", "test/cat/extra.png")
    copy(place, "train/cat/2.png", "val/cat/extra.png")
    copy(place, "val/dog/0.png", "test/dog/extra.png")
    found = checkup(load_collection(str(place))).leaked
    assert [(f.parts, f.count, f.of) for f in found] == [
        (("val", "train"), 1, 5), (("test", "train"), 1, 5), (("test", "val"), 1, 5),
    ]  # fmt: skip
    assert found[1].examples == (("test/cat/extra.png", "train/cat/1.png"),)


def test_leakage_is_told_at_every_load(
    photos: Photos, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    place = photos({"train/cat": 3, "train/dog": 4, "test/cat": 2})
    copy(place, "train/cat/1.png", "test/cat/extra.png")
    load_dataset(str(place))
    told = capsys.readouterr().err
    assert f"LEAKAGE: 1 of 3 test images are in train too; headstart data check {place}" in told


def test_copies_within_a_part_and_with_another_label(photos: Photos) -> None:
    place = photos({"train/cat": 3, "train/dog": 4})
    copy(place, "train/cat/1.png", "train/cat/extra.png")
    copy(place, "train/cat/2.png", "train/dog/extra.png")
    report = checkup(load_collection(str(place)))
    (repeated,), (contrary,) = report.repeated, report.contradictory
    assert (repeated.parts, repeated.count, repeated.of) == (("train", "train"), 2, 9)
    assert contrary.examples == (("train/dog/extra.png", "train/cat/2.png"),)


def test_images_in_memory_are_hashed_on_the_spot_and_called_by_number() -> None:
    images = torch.arange(4, dtype=torch.uint8).view(4, 1, 1, 1).repeat(1, 1, 2, 2)
    splits = {"train": Split(images, torch.tensor([0, 1, 0, 1])), "test": Split(images[2:3], torch.tensor([1]))}
    report = checkup(from_splits("numbers", ("even", "odd"), splits))
    assert report.leaked[0].examples == (("image 0", "image 2"),)
    assert report.contradictory[0].count == 1
