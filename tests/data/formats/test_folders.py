from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from headstart.data import load_collection, load_dataset
from headstart.data.formats.folders import read_folders
from headstart.data.own import own_images
from headstart.errors import HeadstartError

Photos = Callable[..., Path]


def test_a_folder_for_each_class(photos: Photos) -> None:
    listing = read_folders(photos({"dog": 2, "cat/indoors": 1, "cat/outdoors": 2}))
    assert listing.classes == ("cat", "dog")
    assert listing.names == ["cat/indoors/0.png", "cat/outdoors/0.png", "cat/outdoors/1.png", "dog/0.png", "dog/1.png"]
    assert listing.labels == [0, 0, 0, 1, 1]
    assert set(listing.parts) == {""}


@pytest.mark.parametrize("words", [("train", "val", "test"), ("Training", "validation", "Testing")])
def test_given_parts_are_kept(photos: Photos, words: tuple[str, str, str]) -> None:
    train, val, test = words
    place = photos({f"{train}/cat": 4, f"{train}/dog": 4, f"{val}/cat": 2, f"{val}/dog": 1, f"{test}/dog": 3})
    data = load_dataset(str(place))
    assert [len(split) for split in (data.train, data.val, data.test)] == [8, 3, 3]
    assert data.val.labels.tolist() == [0, 0, 1]
    assert data.test.labels.tolist() == [1, 1, 1]
    assert (data.name, data.classes) == ("photos", ("cat", "dog"))


def test_without_parts_a_test_and_a_validation_split_are_carved(photos: Photos) -> None:
    place = str(photos({"cat": 50, "dog": 50}))
    one, two = load_dataset(place, seed=1), load_dataset(place, seed=2)
    assert [len(split) for split in (one.train, one.val, one.test)] == [72, 8, 20]
    assert one.test.labels.bincount().tolist() == [10, 10]
    assert one.val.labels.bincount().tolist() == [4, 4]
    assert (one.test.images == two.test.images).all()
    assert not (one.val.images == two.val.images).all()
    # What normalizes is known of the images to learn from alone.
    known = torch.cat([one.train.images, one.val.images]).double() / 255
    assert one.mean == pytest.approx(known.mean((0, 2, 3)).tolist())
    assert one.std == pytest.approx(known.std((0, 2, 3), correction=0).tolist())
    assert (one.mean, one.std) == (two.mean, two.std)
    pixels = [{image.numpy().tobytes() for image in split.images} for split in (one.train, one.val, one.test)]
    assert len(set.union(*pixels)) == 100


def test_a_missing_test_part_is_carved_from_train_alone(photos: Photos) -> None:
    data = load_dataset(str(photos({"train/cat": 10, "train/dog": 10, "val/cat": 2, "val/dog": 2})))
    assert [len(split) for split in (data.train, data.val, data.test)] == [16, 4, 4]


def test_copies_never_fall_on_both_sides(photos: Photos) -> None:
    place = photos({"cat": 10, "dog": 10})
    for number in range(6):
        for copy in range(3):
            content = (place / "cat" / f"{number}.png").read_bytes()
            (place / "cat" / f"copy {number} {copy}.png").write_bytes(content)
    for seed in range(5):
        data = load_dataset(str(place), seed=seed, val_fraction=0.3)
        apart = [{i.numpy().tobytes() for i in split.images} for split in (data.train, data.val, data.test)]
        assert not (apart[0] & apart[1] or apart[0] & apart[2] or apart[1] & apart[2])
        assert sum(map(len, (data.train, data.val, data.test))) == 38


def test_other_files_are_counted_and_hidden_ones_passed_over(photos: Photos) -> None:
    place = photos({"cat": 1, "dog": 1, ".hidden": 3})
    (place / "cat" / ".DS_Store").write_bytes(b"x")
    (place / "cat" / "notes.txt").write_bytes(b"x")
    (place / "readme.md").write_bytes(b"x")
    listing = read_folders(place)
    assert len(listing) == 2
    assert listing.notes == ("passed over 1 files that are no images by their ending: 1 .txt",)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ({"": 3}, r"expected a folder for each class in .*photos, found 3 images that lie in it directly: move the"),
        ({"cat": 3}, r"expected two or more class folders in .*photos, found one only: cat"),
        ({"train/cat": 3}, r"expected two or more class folders in .*train, found one only: cat"),
        ({"val/cat": 1, "test/cat": 1}, r"photos has val, test but no train folder: expected one of that name"),
        ({"train/cat": 1, "train/dog": 1, "test/cow": 1}, r"test has a class folder 'cow' that .*train lacks"),
        ({"train/a": 1, "training/a": 1}, r"photos has two folders for train: train and training; keep one"),
        ({"train/a": 1, "train/b": 1, "val": 2}, r"expected a folder for each class in .*val, found 2 images"),
    ],
)
def test_what_is_wrong_with_the_folders_is_told(photos: Photos, classes: dict[str, int], message: str) -> None:
    with pytest.raises(HeadstartError, match=message):
        load_collection(str(photos(classes)))


def test_an_empty_class_folder_and_an_empty_folder(photos: Photos, tmp_path: Path) -> None:
    place = photos({"cat": 1, "dog": 1})
    (place / "cow").mkdir()
    with pytest.raises(HeadstartError, match=r"the class folder .*cow holds no image: fill or remove it"):
        load_collection(str(place))
    (tmp_path / "empty").mkdir()
    with pytest.raises(HeadstartError, match=r"expected a folder for each class in .*empty, found nothing of the kind"):
        load_collection(str(tmp_path / "empty"))


def test_linked_folders_are_followed_once(photos: Callable[..., Path], encoded: Callable) -> None:
    place = photos({"cat": 3, "dog": 3})
    elsewhere = photos({"more": 2}, name="elsewhere")
    (place / "cat" / "more").symlink_to(elsewhere / "more")
    (place / "cat" / "circle").symlink_to(place / "cat")
    listing = read_folders(place)
    assert [name for name in listing.names if name.startswith("cat/")] == [
        "cat/0.png", "cat/1.png", "cat/2.png", "cat/more/0.png", "cat/more/1.png",
    ]  # fmt: skip


def test_a_class_may_be_called_train(photos: Callable[..., Path]) -> None:
    listing = read_folders(photos({"bus": 2, "car": 2, "train": 2}))
    assert listing.classes == ("bus", "car", "train") and set(listing.parts) == {""}


def test_what_lies_beside_the_parts_is_told(photos: Callable[..., Path]) -> None:
    listing = read_folders(photos({"train/a": 2, "train/b": 2, "unlabelled/x": 2}))
    assert len(listing) == 4
    assert listing.notes == ("passed over what lies beside the parts: unlabelled",)


def test_a_folder_that_cannot_be_looked_into_is_no_empty_one(
    photos: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = photos({"a/inner": 2, "a": 2, "b": 2})
    scan = os.scandir

    def closed(path: str) -> object:
        if str(path).endswith("inner"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(HeadstartError, match=r"a/inner could not be read \(Permission denied\): may you open it\?"):
        own_images(place, {})
