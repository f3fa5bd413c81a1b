"""Every command with --json: one object on stdout and nothing else; with --quiet: no notes; in a pipe: no colours."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from headstart.cli import app
from headstart.training import Recipe, compare, train

QUICK = ["--set", "width=24", "--set", "depth=2", "--set", "patch_size=2", "--set", "passes=1"]
QUICK += ["--set", "batch_size=30", "--limit", "60"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("place")
    small: dict[str, Any] = {"patch_size": 2, "width": 24, "depth": 2, "heads": 3, "passes": 1, "batch_size": 30}
    recipe = Recipe(dataset="digits", limit=60, **small)
    train(recipe, folder / "run")
    compare(recipe.override(["classes=0-5"]), ["default", "mimetic"], [0, 1], folder / "both")
    generator = np.random.default_rng(0)
    for name in "ab":
        (folder / "images" / name).mkdir(parents=True)
        for k in range(12):
            pixels = generator.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "images" / name / f"{k}.png")
    yield folder
    torch.set_num_threads(threads)


DOCUMENTS = {
    "train digits --out new": {"folder", "test_accuracy", "val_accuracy", "files"},
    "compare digits --seeds 1 --init default,mimetic --out new": {"folder", "arms", "config", "files"},
    "evaluate run": {"runs", "command", "hardware", "files"},
    "evaluate both --throughput --seconds 0 --batch 1 --out evaluated": {"runs", "side_by_side", "files"},
    "predict run images": {"images", "left_out"},
    "inspect run": {"run", "heads", "now", "pictures", "files"},
    "slim run --keep 0.5 --passes 1 --out slimmed": {"folder", "teacher", "arms", "files"},
    "verify both --layer blocks.1 --distance cosine": {"runs", "genuine", "impostor", "files"},
    "export run": {"folder", "files", "differences", "images"},
    "report run": {"files"},
    "recipes": {"recipes"},
    "recipes digits": {"name", "recipe"},
    "methods": {"methods"},
    "study": {"studies"},
    "data list": {"datasets", "kept_in"},
    "data info cifar10": {"name", "licence", "files"},
    "data check images": {"name", "classes", "counts", "leaked", "repeated", "left_out"},
    "data look images --out sheet.png": {"name", "counts", "files"},
}


@pytest.mark.parametrize("line", DOCUMENTS)
def test_one_object_and_nothing_else(line: str, place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(place)
    words = line.replace("--out new", f"--out {tmp_path / 'new'}").split()
    more = QUICK if words[0] in ("train", "compare") else []
    result = CliRunner().invoke(app, [*words, *more, "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert DOCUMENTS[line] <= document.keys()
    assert all(Path(file).exists() for file in document.get("files", []) if isinstance(file, str))
    if words[0] in ("train", "compare"):
        assert "pass 1/1" in result.stderr


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("train digits --out new", "test accuracy"),
        ("compare digits --seeds 1 --init default --out new", "test accuracy, %"),
        ("recipes", "cifar10_small"),
        ("data look images --out sheet.png", "sheet.png"),
        ("export run", "headstart.safetensors"),
    ],
)
def test_quiet_leaves_the_result(
    line: str, told: str, place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(place)
    words = line.replace("--out new", f"--out {tmp_path / 'new'}").split()
    more = QUICK if words[0] in ("train", "compare") else []
    result = CliRunner().invoke(app, [*words, *more, "-q"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert told in result.stdout
    assert "pass 1/1" not in result.stdout and "Use one with" not in result.stdout
    assert len(result.stdout.splitlines()) <= (3 if words[0] != "recipes" else 40)


def test_a_pipe_gets_neither_bars_nor_colours(tmp_path: Path) -> None:
    words = ["compare", "digits", "--seeds", "1", "--init", "default,mimetic", "--out", str(tmp_path / "new"), *QUICK]
    code = "from headstart.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert "\x1b" not in done.stdout + done.stderr and "\r" not in done.stdout + done.stderr
    assert "pass 1/1" in done.stdout and "difference to default" in done.stdout
