"""``headstart data``, and training from a path with nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from headstart.cli import app
from headstart.data import load_dataset
from headstart.data.sources import SOURCES


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADSTART_DATA", str(tmp_path / "root"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "root"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Plain pictures in two classes that a model can tell by their brightness."""
    generator = np.random.default_rng(0)
    for kind, low in (("dark", 0), ("light", 128)):
        (tmp_path / "photos" / kind).mkdir(parents=True)
        for number in range(60):
            pixels = generator.integers(low, low + 128, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / kind / f"{number}.png")
    return tmp_path / "photos"


def test_list_shows_every_dataset_and_which_are_at_hand(root: Path) -> None:
    (root / "cifar-100-binary").mkdir(parents=True)
    for name in SOURCES["cifar100"].needs:
        (root / "cifar-100-binary" / name.partition("|")[0]).touch()
    result = call("data", "list")
    assert result.exit_code == 0
    rows = {line.split()[0]: line.split() for line in result.output.splitlines() if line.strip()}
    assert set(SOURCES) | {"digits"} <= set(rows)
    assert rows["cifar100"] == ["cifar100", "100", "50,000", "10,000", "32", "169", "MB", "yes"]
    assert rows["cifar10"][-1] == "MB"
    assert rows["imagenet"][-1] == "account"
    assert str(root) in result.output


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_info_says_where_from_under_what_licence_and_how_checked(name: str) -> None:
    source = SOURCES[name]
    result = call("data", "info", name)
    assert result.exit_code == 0
    for text in (source.title, source.licence, source.citation, *(file.url for file in source.files)):
        assert text in result.output
    for file in source.files:
        assert file.checksum in result.output
        assert (f"{file.size:,} bytes" if file.size else "size not published") in result.output
    assert ("computed from the training images when loaded" in result.output) == (source.mean is None)


def test_info_of_the_digits_agrees_with_them() -> None:
    result = call("data", "info", "digits")
    assert result.exit_code == 0, result.output
    data = load_dataset("digits")
    numbers = f"train {len(data.train) + len(data.val):,}, test {len(data.test)}; 8×8, grey"
    for line in (f"images    {numbers}", "licence   CC BY 4.0", "at hand   yes, in the package"):
        assert line in result.output


def test_errors_are_one_message() -> None:
    for command, message in (
        (["info", "cifar"], "unknown dataset 'cifar': did you mean 'cifar10' or 'cifar100'?"),
        (["get", "imagenet"], "imagenet can't be downloaded without an account: name the folder"),
        (["get", "digits"], "digits is carried in the package: there is nothing to get"),
        (["check", "absent/photos"], "there is no absent/photos"),
        (["look", "digits", "--part", "tset"], "unknown part of digits 'tset': did you mean 'test'"),
    ):
        result = call("data", *command)
        assert result.exit_code == 1, result.output
        assert result.stderr.startswith("Error: ") and message in result.stderr


def test_get_downloads_and_counts(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    arrays = {}
    for part, count in (("train", 3), ("val", 2), ("test", 2)):
        arrays[f"{part}_images"] = np.zeros((count, 28, 28), np.uint8)
        arrays[f"{part}_labels"] = np.arange(count)[:, None] % 2
    np.savez(tmp_path / "breastmnist.npz", **arrays)
    source = SOURCES["breastmnist"]
    file = replace(source.files[0], url=(tmp_path / "breastmnist.npz").as_uri(), checksum=None)
    small = replace(source, counts={"train": 3, "val": 2, "test": 2}, files=(file,))
    monkeypatch.setitem(SOURCES, "breastmnist", small)
    result = call("data", "get", "breastmnist")
    assert result.stdout == f"breastmnist: 3 train, 2 val, 2 test images in {root / 'breastmnist'}\n"


def test_check_is_green_or_names_what_is_wrong(photos: Path) -> None:
    result = call("data", "check", "photos")
    assert result.exit_code == 0, result.output
    assert "photos: 120 colour images of 16×16, 2 classes" in result.output
    assert "no val and test: carved from train when loaded, stratified" in result.output
    assert "no copies, no leakage" in result.output
    (photos / "dark" / "copy.png").write_bytes((photos / "dark" / "0.png").read_bytes())
    (photos / "light" / "bad.png").write_bytes(b"")
    result = call("data", "check", "photos")
    assert result.exit_code == 0
    assert "copies: 1 of 121 train images repeat another one there: dark/copy.png = dark/0.png" in result.output
    assert "left out 1 of 122 images: light/bad.png (the file is empty)" in result.stderr


def test_check_ends_with_code_1_on_leakage(photos: Path) -> None:
    (photos / "train").mkdir()
    for kind in ("dark", "light"):
        (photos / kind).rename(photos / "train" / kind)
        (photos / "test" / kind).mkdir(parents=True)
        (photos / "test" / kind / "new.png").write_bytes((photos / "train" / kind / "0.png").read_bytes())
    result = call("data", "check", "photos")
    assert result.exit_code == 1
    assert "LEAKAGE: 2 of 2 test images are in train too: test/dark/new.png = train/dark/0.png" in result.output


def test_look_writes_a_picture(photos: Path, tmp_path: Path) -> None:
    result = call("data", "look", "photos", "--columns", 3)
    assert result.exit_code == 0, result.output
    assert "photos-look.png" in result.output
    with Image.open(tmp_path / "photos-look.png") as sheet:
        assert sheet.height > 2 * 72
    result = call("data", "look", "digits", "--out", tmp_path / "d.png", "--part", "test")
    assert result.exit_code == 0 and (tmp_path / "d.png").exists()


def test_a_path_alone_is_enough_to_train(photos: Path, tmp_path: Path) -> None:
    result = call("train", "photos", "--set", "passes=2")
    assert result.exit_code == 0, result.output
    assert "recommended for photos (change any of it with --set):" in result.output
    assert "86 training images: a ViT of width 96, depth 4 and 3 heads (fewer than 10,000)" in result.output
    assert "  batches of 64, 2 passes" not in result.output  # overruled, it loses its line; steps are told still
    assert "86 images to train, " in result.output and "; batches of 64, 2 passes: 2 steps\n" in result.output
    assert "so few steps teach little and say little of a start: --set passes=100 makes 100\n" in result.output
    assert "16×16 pixels: patches of 4, a grid of 4×4" in result.output
    assert "mirrored (colour photos; --set flip=false if left and right matter)" in result.output
    config = json.loads((tmp_path / "runs" / "photos-impulse" / "config.json").read_text())
    assert (config["config"]["dataset"], config["config"]["patch_size"]) == ("photos", 4)
    assert config["dataset"] == str(photos)
    # From anywhere else, the run still finds its images.
    (tmp_path / "elsewhere").mkdir()
    result = call("inspect", tmp_path / "runs" / "photos-impulse", "--out", tmp_path / "elsewhere")
    assert result.exit_code == 0, result.output


def test_smaller_choices_reach_the_recipe(photos: Path, tmp_path: Path) -> None:
    quick = ["--set", "passes=1", "--set", "depth=1", "--set", "width=24"]
    for option, value in (("--per-class", 10), ("--fraction", 0.25), ("--limit", 20)):
        out = tmp_path / option.strip("-")
        result = call("train", "photos", option, value, "--out", out, *quick)
        assert result.exit_code == 0, result.output
        config = json.loads((out / "config.json").read_text())["config"]
        assert config[option.strip("-").replace("-", "_")] == value
    result = call("compare", "photos", "--limit", 20, "--fraction", 0.5)
    assert result.exit_code == 1
    assert "expected one of limit, per_class and fraction, got limit=20, fraction=0.5" in result.stderr


def test_a_comparison_spells_its_recipe_out(photos: Path, tmp_path: Path) -> None:
    quick = ["--set", "passes=1", "--set", "depth=1", "--set", "width=24", "--seeds", "1", "--fraction", "0.5"]
    result = call("compare", "photos", "--init", "default", "--out", tmp_path / "out", *quick)
    assert result.exit_code == 0, result.output
    command = json.loads((tmp_path / "out" / "results.json").read_text())["command"]
    assert command.startswith("headstart compare photos --set fraction=0.5 ")
    for assignment in ("crop=2", "flip=true", "width=24", "depth=1", "heads=3", "patch_size=4", "passes=1"):
        assert f"--set {assignment} " in command


QUICK = ("--set", "passes=1", "--set", "depth=1", "--set", "width=24")


def test_what_is_left_out_is_said_once(photos: Path) -> None:
    (photos / "light" / "bad.png").write_bytes(b"")
    result = call("train", "photos", *QUICK)
    assert result.exit_code == 0, result.output
    assert result.stderr.count("left out 1 of 121 images: light/bad.png (the file is empty)") == 1


@pytest.mark.parametrize("recipe", [(), ("--recipe", "cifar10_small", "--set", "limit=none")])
def test_two_folders_of_one_name_are_two_datasets(photos: Path, tmp_path: Path, recipe: tuple[str, ...]) -> None:
    out = ("--out", tmp_path / "run", *QUICK, *recipe)
    assert call("train", "photos", *out).exit_code == 0
    config = json.loads((tmp_path / "run" / "config.json").read_text())["config"]
    assert len(config["content"]) == 16 and str(tmp_path) not in json.dumps(config)
    photos = photos.rename(tmp_path / "moved")
    photos.rename(tmp_path / "photos")
    assert call("train", "photos", *out).exit_code == 0  # a move and back changes nothing
    (tmp_path / "photos" / "dark" / "0.png").rename(tmp_path / "photos" / "light" / "new.png")
    result = call("train", "photos", *out)
    assert result.exit_code == 1
    assert f"holds a run of another config: content ({config['content']} there" in result.stderr
    result = call("inspect", tmp_path / "run")
    assert f"not those of the recipe: expected content {config['content']}, got " in result.stderr
    command = ("compare", "photos", "--set", f"content={config['content']}")
    assert "are not those of the recipe" in call(*command).stderr


def test_more_bad_files_than_are_named_on_loading_are_all_named(photos: Path) -> None:
    for number in range(12):
        (photos / "light" / f"{number}.png").write_bytes(b"")
    result = call("data", "check", "photos", "--max-bad", 0.5)
    assert "and 2 more" in result.stderr
    assert result.stdout.count("left out: light/") == 12
