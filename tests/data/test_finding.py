from pathlib import Path

import pytest

from headstart.data.finding import find_images
from headstart.errors import HeadstartError


def test_files_folders_and_patterns_are_found_once_in_order(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.PNG", "in/c.webp", "in/.hidden/d.jpg", "notes.txt", "odd"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    a, b, c = tmp_path / "a.PNG", tmp_path / "b.jpg", tmp_path / "in/c.webp"
    assert find_images([tmp_path]) == [a, b, c]
    assert find_images([c, tmp_path, c]) == [c, a, b]
    assert find_images([f"{tmp_path}/*"]) == [a, b, c]
    assert find_images([f"{tmp_path}/**/*.webp"]) == [c]
    assert find_images([tmp_path / "odd"]) == [tmp_path / "odd"]  # named, so meant


def test_brackets_in_the_name_of_a_folder_are_letters(tmp_path: Path) -> None:
    for name in ("photos [new]/a1.jpg", "photos n/a2.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    assert find_images([f"{tmp_path}/photos [new]/*.jpg"]) == [tmp_path / "photos [new]/a1.jpg"]
    assert find_images([f"{tmp_path}/photos [n]/*.jpg"]) == [tmp_path / "photos n/a2.jpg"]


def test_nothing_there_and_nothing_in_it_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match=r"there is no nowhere.jpg: expected image files, folders of them"):
        find_images(["nowhere.jpg"])
    with pytest.raises(HeadstartError, match=r"nothing matches .*\*\.jpg: expected"):
        find_images([f"{tmp_path}/*.jpg"])
    with pytest.raises(HeadstartError, match=r"holds no image: expected files ending in .*\.jpg"):
        find_images([tmp_path])
