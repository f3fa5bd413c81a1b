"""Two processes under torchrun train as one does: the same losses, the same weights, within float noise."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from headstart.training import Recipe, train

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]

RUN = """
import json, os, signal, sys
import torch
from headstart.training import Recipe, engine, train

torch.set_num_threads(1)
count = engine.RunState.count

def stopping(step):
    def counted(state, *numbers):
        count(state, *numbers)
        if state.step == step and state.processes.rank == 1:
            os.kill(os.getpid(), signal.SIGTERM)
    return counted

for line in sys.argv[1:]:
    task = json.loads(line)
    if "stop" in task:
        engine.RunState.count = stopping(task["stop"])
    result = train(Recipe(**task["recipe"]), task["out"], save_every=task.get("save_every", 60.0))
    assert result["test_accuracy"] >= 0
"""


def two_processes(*tasks: dict, fails: bool = False) -> str:
    script = [*TORCHRUN, "--no-python", sys.executable, "-c", RUN, *map(json.dumps, tasks)]
    done = subprocess.run(script, capture_output=True, text=True, env=ENVIRONMENT, timeout=240, check=False)
    assert (done.returncode != 0) is fails, done.stderr
    return done.stderr


def history(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def test_two_processes_give_the_losses_and_weights_of_one(tiny: Recipe, tmp_path: Path) -> None:
    base = tiny.override(["batch_size=40", "accumulate=1"])
    changes = {
        "plain": [],
        "all": ["mixup=0.8", "erase=0.25", "ema=0.9", "optimizer=muon", "accumulate=2", "drop_path=0.5"],
    }
    recipes = {name: base.override(settings) for name, settings in changes.items()}
    tasks = [
        {"recipe": recipe.model_dump(), "out": str(tmp_path / f"{name}-2"), "save_every": 0.0}
        for name, recipe in recipes.items()
    ]
    two_processes(*tasks)
    for name, recipe in recipes.items():
        train(recipe, tmp_path / f"{name}-1")
        one, two = (history(tmp_path / f"{name}-{count}") for count in (1, 2))
        assert len(one) == len(two) == 3
        for mine, theirs in zip(one, two, strict=True):
            assert theirs["train_loss"] == pytest.approx(mine["train_loss"], abs=1e-5)
            assert theirs["train_accuracy"] == pytest.approx(mine["train_accuracy"], abs=0.011)
            assert theirs["val_accuracy"] == pytest.approx(mine["val_accuracy"], abs=0.05)
        weights = [load_file(tmp_path / f"{name}-{count}/model.safetensors") for count in (1, 2)]
        for key, value in weights[0].items():
            torch.testing.assert_close(weights[1][key], value, atol=2e-4, rtol=1e-3)


def test_when_one_of_two_processes_is_stopped_both_stop_and_go_on_to_the_same_bits(
    tiny: Recipe, tmp_path: Path
) -> None:
    recipe = tiny.override(["batch_size=40", "drop_path=0.5"])
    task = {"recipe": recipe.model_dump(), "out": str(tmp_path / "cut")}
    errors = two_processes({**task, "stop": 6}, fails=True)
    # They agree every eight steps: the second process was asked in the sixth.
    assert f"Stopped by SIGTERM after step 8 of 15, saved in {tmp_path / 'cut'}; nothing is lost" in errors
    assert not (tmp_path / "cut/.lock").exists()
    two_processes(task, {**task, "out": str(tmp_path / "whole")})
    assert (tmp_path / "cut/model.safetensors").read_bytes() == (tmp_path / "whole/model.safetensors").read_bytes()
    assert [row["train_loss"] for row in history(tmp_path / "cut")] == pytest.approx(
        [row["train_loss"] for row in history(tmp_path / "whole")], abs=1e-12
    )


def test_an_error_of_all_is_told(tiny: Recipe, tmp_path: Path) -> None:
    recipe = tiny.override(["batch_size=25"])
    task = {"recipe": recipe.model_dump(), "out": str(tmp_path / "run")}
    errors = two_processes(task, fails=True)
    assert "a batch of 25 images can't be cut into equal pieces for 2 processes; use --set batch_size=24" in errors
    assert not (tmp_path / "run/config.json").exists()
