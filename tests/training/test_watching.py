"""Watching costs a run nothing but time: the same bits, and a line for each pass, whatever cuts it."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from headstart.errors import HeadstartError
from headstart.evaluation.locality import locality
from headstart.training import Recipe, compare, load_run, train
from headstart.training.build import sample_images
from headstart.training.start import MEASURED_IMAGES
from headstart.training.state import RunState
from headstart.training.stopping import Stopped
from headstart.training.together import Together
from headstart.training.watching import MEASURES, read_watched

IMPULSE = ["init=impulse", "permute_patches=0"]


def test_a_line_for_each_pass_and_the_same_run(tiny: Recipe, tmp_path: Path) -> None:
    recipe = tiny.override(IMPULSE)
    seen, plain = (train(recipe, tmp_path / str(watch), watch=watch) for watch in (True, False))
    assert seen["test_accuracy"] == plain["test_accuracy"]
    weights, others = (load_file(tmp_path / name / "model.safetensors") for name in ("True", "False"))
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    assert not (tmp_path / "False/locality.jsonl").exists()
    rows = read_watched(tmp_path / "True")
    assert [row["pass"] for row in rows] == [0, 1, 2, 3]
    start = json.loads((tmp_path / "True/init.json").read_text())["on_images"]["heads"]
    assert rows[0]["moved"] == [[0, 0, 0]]
    assert rows[0]["start_mass"] == [[pytest.approx(head["target_mass"], abs=1e-5) for head in start]]
    run = load_run(tmp_path / "True")
    images = run.normalize(sample_images(run.dataset.val, MEASURED_IMAGES, recipe.split_seed))
    last = locality(run.model, images)
    for name in set(MEASURES) - {"start_mass", "moved"}:
        assert rows[-1][name][0] == [pytest.approx(getattr(head, name), abs=1e-4) for head in last.heads]
    assert last.position is not None and rows[-1]["position"] == pytest.approx(last.position.association)


@pytest.mark.parametrize("at", [1, 5, 8])
def test_a_cut_run_keeps_its_lines(tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    recipe = tiny.override(IMPULSE)
    train(recipe, tmp_path / "whole", watch=True)
    count, original = 0, RunState.count

    def stop(*arguments: Any) -> None:
        nonlocal count
        original(*arguments)
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(RunState, "count", stop)
    with pytest.raises(Stopped):
        train(recipe, tmp_path / "cut", watch=True)
    train(recipe, tmp_path / "cut", watch=True)
    assert read_watched(tmp_path / "cut") == read_watched(tmp_path / "whole")


def test_lines_of_passes_that_were_lost_are_written_anew(tiny: Recipe, tmp_path: Path) -> None:
    from headstart.training.build import build_dataset, build_model
    from headstart.training.watching import Watch

    train(tiny, tmp_path, watch=True)
    watched = Watch(tmp_path, tiny, build_dataset(tiny))
    watched.look(2, build_model(tiny, build_dataset(tiny)))
    assert [row["pass"] for row in read_watched(tmp_path)] == [0, 1, 2]


def test_a_comparison_holds_what_was_watched(tiny: Recipe, tmp_path: Path) -> None:
    short = tiny.override(["passes=1"])
    results = compare(short, ["impulse", "default@edgevit_xxs"], [0], tmp_path, watch=True)
    vit, other = (arm["runs"][0] for arm in results["arms"])
    assert [row["pass"] for row in vit["locality"]] == [0, 1] and "locality" not in other
    assert not list(tmp_path.glob("*edgevit*/*/locality.jsonl"))
    assert results["arms"][0]["name"] == "impulse"


def test_runs_at_once_are_not_watched(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match="leave --watch or --together out"):
        compare(tiny, ["default", "mimetic"], [0], tmp_path, watch=True, runner=Together(2))
