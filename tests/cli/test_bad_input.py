"""Bad input by the command line: each kind gives one clear error, in a sentence that says what to do."""

import builtins
import importlib.util
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from headstart.cli import app
from headstart.training import Recipe, compare, train

READERS = ("inspect", "evaluate", "slim", "export", "verify", "report", "predict")
HIDDEN = {
    "timm": (["init", "vit_tiny_patch16_224"], 'timm is not installed; pip install "headstart[timm]".'),
    "torchvision": (
        ["init", "vit_b_16", "--library", "torchvision"],
        'torchvision is not installed; pip install "headstart[timm]".',
    ),
    "transformers": (
        ["init", "dinov2", "--library", "transformers"],
        'transformers is not installed; pip install "headstart[transformers]".',
    ),
    "onnxruntime": (["export", "RUN", "--onnx"], 'ONNX needs onnxruntime; pip install "headstart[onnx]".'),
    "submitit": (
        ["compare", "digits", "--cluster", "local"],
        '--cluster local needs submitit; pip install "headstart[cluster]".',
    ),
    "huggingface_hub": (
        ["export", "RUN", "--push", "me/digits"],
        '--push needs huggingface_hub; pip install "headstart[hub]".',
    ),
    "pyarrow": (["data", "check", "a.parquet"], "need pyarrow: pip install 'headstart[parquet]'"),
    "tensorboard": (
        ["train", "digits", "--track", "tensorboard"],
        "tracker 'tensorboard' is not installed: pip install tensorboard",
    ),
    "accelerate": (["train", "digits"], "accelerate, which this needs, is not installed; pip install it"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run, a comparison, and what is neither."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("place")
    recipe = Recipe(dataset="digits", limit=60, patch_size=2, width=24, depth=1, heads=3, passes=1, batch_size=30)
    train(recipe, folder / "run")
    compare(recipe, ["default"], [0], folder / "both")
    (folder / "empty").mkdir()
    (folder / "file").write_text("text")
    (folder / "text.png").write_text("no image")
    (folder / "damaged").mkdir()
    (folder / "damaged/config.json").write_text('{"config": {')
    (folder / "other").mkdir()
    (folder / "other/config.json").write_text('{"architectures": ["ViTForImageClassification"]}')
    shutil.copytree(folder / "run", folder / "newer")
    stored = json.loads((folder / "run/config.json").read_text())
    newer = {**stored, "format": 2, "versions": {"headstart": "9.0"}}
    (folder / "newer/config.json").write_text(json.dumps(newer))
    shutil.copytree(folder / "run", folder / "cut")
    weights = folder / "cut/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    yield folder
    torch.set_num_threads(threads)


def refused(place: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    """The one line that a command ends with; nothing is on stdout."""
    monkeypatch.chdir(place)
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 1, (words, result.output, result.exception)
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("Error: ")
    return lines[0]


@pytest.mark.parametrize("command", READERS)
def test_a_folder_that_is_no_run(command: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, message in {
        "nowhere": "there is no run folder nowhere; expected one that `headstart train` wrote.",
        "file": "there is no run folder file; expected one that",
        "runn": "there is no run folder runn; did you mean run?",
        "empty": "there is no config.json in empty; expected a folder written by `headstart train`, or one arm's",
        "damaged": "config.json is damaged",
        "other": "config.json is not of a run: expected a folder written by",
        "newer": "newer was written by headstart 9.0 (format 2), and this version reads up to format 1; update with",
        "cut": "model.safetensors is refused: it cannot be read",
    }.items():
        more = ["text.png"] if command == "predict" else []
        assert message in refused(place, monkeypatch, command, name, *more)
    if command in ("inspect", "slim", "export", "predict"):
        more = ["text.png"] if command == "predict" else []
        told = refused(place, monkeypatch, command, "both", *more)
        assert "both holds a comparison; name one of its runs: default/seed-0." in told


def test_a_run_of_a_newer_version_is_not_gone_on_with(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "update with pip install -U headstart" in refused(place, monkeypatch, "train", "digits", "--out", "newer")


def test_an_image_that_is_none(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    result = CliRunner().invoke(app, ["predict", "run", "text.png"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("left out: text.png can't be used as an image: no known image format")
    assert "there is no a.png: expected image files" in refused(place, monkeypatch, "predict", "run", "a.png")
    assert "text.png is a single image: expected a folder" in refused(place, monkeypatch, "data", "check", "text.png")


@pytest.mark.parametrize("name", HIDDEN)
def test_a_missing_package_names_what_to_install(name: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words, message = HIDDEN[name]
    real_import, real_find = builtins.__import__, importlib.util.find_spec

    def missing(module: str) -> bool:
        return module.partition(".")[0] == name

    def hidden_import(module: str, *rest: Any, **more: Any) -> Any:
        if missing(module):
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)
        return real_import(module, *rest, **more)

    def hidden_module(module: str, package: str | None = None) -> Any:
        if missing(module):
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)
        return real_module(module, package)

    def hidden_find(module: str, package: str | None = None) -> Any:
        return None if missing(module) else real_find(module, package)

    real_module = importlib.import_module
    for loaded in [module for module in sys.modules if missing(module)]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setattr(builtins, "__import__", hidden_import)
    monkeypatch.setattr(importlib, "import_module", hidden_module)
    monkeypatch.setattr(importlib.util, "find_spec", hidden_find)
    monkeypatch.setattr("headstart.training.tracking.find_spec", hidden_find)
    (place / "a.parquet").touch()
    assert message in refused(place, monkeypatch, *["run" if word == "RUN" else word for word in words])


@pytest.mark.parametrize(
    "words",
    [
        ("train", "digits", "--out", "file/x"),
        ("train", "digits", "--out", "file"),
        ("inspect", "run", "--out", "file"),
        ("evaluate", "run", "--out", "file"),
        ("export", "run", "--out", "file"),
        ("report", "run", "--out", "file/x.html"),
        ("data", "look", "digits", "--out", "file/x.png"),
    ],
)
def test_a_file_where_a_folder_is_wanted(words: tuple[str, ...], place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = "Error: file is a file, and a folder is wanted; name another."
    assert refused(place, monkeypatch, *words) == told


def test_a_folder_where_a_file_is_wanted(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = refused(place, monkeypatch, "report", "run", "--out", "empty")
    assert told == "Error: empty is a folder, and a file is wanted; name one, in it perhaps."
    (place / "runs").write_text("")
    told = refused(place, monkeypatch, "train", "digits")
    (place / "runs").unlink()
    assert told == "Error: runs is a file, and a folder is wanted; name another."


def test_a_place_that_may_not_be_written_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", "/somewhere/run")

    monkeypatch.setattr("headstart.training.comparison.train", denied)
    told = refused(place, monkeypatch, "train", "digits")
    assert told == (
        "Error: /somewhere/run may not be read or written (Permission denied); name another place, or change who may."
    )
