"""The record's script on made-up images of CIFAR-10's size; its rules, and what it writes."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

from headstart.data import Dataset, Split
from headstart.training import Recipe

ROOT = Path(__file__).parents[2]
SMALL = ["width=24", "depth=1", "heads=3", "passes=2", "batch_size=50", "compile=false", "cutmix=0"]


CHANGES = [word for change in SMALL for word in ("--set", change)]


@pytest.fixture(scope="module")
def script(loaded: Callable[[str], ModuleType]) -> ModuleType:
    return loaded("records/cifar10.py")


def made_up(_recipe: Recipe) -> Dataset:
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (300, 3, 32, 32), dtype=torch.uint8, generator=random)
    every = Split(images, torch.randint(10, (300,), generator=random))
    colour = (0.5, 0.5, 0.5)
    return Dataset("cifar10", tuple("abcdefghij"), every, every[:50], every[50:100], colour, colour, flip_ok=True)


def test_runs_are_timed_and_written(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "90.json"
    words = ["cifar10.py", "90", "--runs", "2", "--dataset", f"cifar10:{tmp_path}", *CHANGES, "--out", str(out)]
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.setattr(script, "build_dataset", made_up)
    assert script.main() == 1
    found = json.loads(out.read_text())
    assert [run["seed"] for run in found["runs"]] == [0, 1]
    assert all(0 < run["seconds"] < run["whole"] and run["compiling"] >= 0 for run in found["runs"])
    assert found["rows"][0]["reached"] == "no" and found["rows"][0]["n"] == 2
    assert found["config"]["dataset"] == "cifar10" and str(tmp_path) not in out.read_text()
    assert "seed 1: " in capsys.readouterr().out


def test_a_cut_record_goes_on(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "new" / "90.json"
    monkeypatch.setattr(script, "build_dataset", made_up)
    monkeypatch.setattr(script, "commit", lambda: "first")
    monkeypatch.setattr(sys, "argv", ["cifar10.py", "90", "--runs", "1", *CHANGES, "--out", str(out)])
    script.main()
    (began,) = json.loads(out.read_text())["runs"]
    capsys.readouterr()
    monkeypatch.setattr(script, "commit", lambda: "second")
    monkeypatch.setattr(sys, "argv", ["cifar10.py", "90", "--runs", "3", *CHANGES, "--out", str(out)])
    script.main()
    found = json.loads(out.read_text())
    assert found["runs"][0] == began and [run["seed"] for run in found["runs"]] == [0, 1, 2]
    assert found["commit"] == "first, second" and found["rows"][0]["n"] == 3
    assert "seed 0: " not in capsys.readouterr().out

    other = ["cifar10.py", "90", "--runs", "3", *CHANGES, "--set", "lr=0.5", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", other)
    with pytest.raises(SystemExit, match=r"90\.json holds 3 runs with another config_hash, .*; give another --out"):
        script.main()
    assert json.loads(out.read_text()) == found


@pytest.mark.parametrize("content", ["{", "[]", '{"goal": 0.9}'])
def test_another_file_is_not_added_to(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    out = tmp_path / "notes.json"
    out.write_text(content)
    monkeypatch.setattr(sys, "argv", ["cifar10.py", "90", *CHANGES, "--out", str(out)])
    with pytest.raises(SystemExit, match=r"notes\.json is no file of this script, so nothing is added to it"):
        script.main()
    assert out.read_text() == content


def test_an_out_that_cannot_be_written_is_told_before_the_work(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    for out, message in (
        (tmp_path, "is no file of this script"),
        (tmp_path / "file" / "90.json", "no folder can be made for --out .*90.json: .*; name another"),
    ):
        monkeypatch.setattr(sys, "argv", ["cifar10.py", "90", *CHANGES, "--out", str(out)])
        with pytest.raises(SystemExit, match=message):
            script.main()


def test_no_run_is_refused(script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(sys, "argv", ["cifar10.py", "90", "--runs", "0"])
    with pytest.raises(SystemExit):
        script.main()
    assert "at least one run is needed, not 0" in capsys.readouterr().err


def test_a_mean_of_ten_runs_at_the_goal_is_a_record(script: ModuleType) -> None:
    run = {
        "seed": 0,
        "test": 0.9,
        "val": 0.9,
        "seconds": 50.0,
        "compiling": 9.0,
        "whole": 70.0,
        "parameters": 5_400_000,
    }
    for runs, reached in (([run] * 10, "yes"), ([run] * 9, "no"), ([run] * 9 + [{**run, "test": 0.89}], "no")):
        assert script.summary(90, script.RECIPES[90], runs, "it")["rows"][0]["reached"] == reached


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "digits"}, "of CIFAR-10, and the recipe's dataset is digits"),
        ({"methods": ("convstem",)}, "of a plain ViT, and the recipe has methods: convstem"),
        ({"model": "edgevit_xxs", "init": "default"}, "of a plain ViT .*, and the model is edgevit_xxs"),
    ],
)
def test_the_rules_are_kept(script: ModuleType, changes: dict, message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        script.check(Recipe(**{"dataset": "cifar10", **changes}))
    for recipe in script.RECIPES.values():
        script.check(recipe)
