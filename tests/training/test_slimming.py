"""Slimming a run: what is planned, trained, not repeated, written down and refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from headstart.errors import HeadstartError
from headstart.training import Recipe, load_run, train
from headstart.training import slimming as module
from headstart.training.slim_plan import plan_slimming
from headstart.training.slim_results import slim_results
from headstart.training.slimming import slim


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "0.50,teacher"
    recipe = Recipe(
        dataset="digits", limit=100, patch_size=2, width=24, depth=3, heads=3, init="default", passes=2, batch_size=50
    )
    train(recipe, folder)
    return folder


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Equal speed at 9 of 16 tokens, without a clock; how often it was asked for."""
    asked = []

    def nine(reference: Any, make: Any, keep: list[float], patches: int, *_: Any) -> list[float]:
        assert make([9 / 16, 4 / 16]) is not None and patches == 16
        asked.append(1)
        return [9 / 16, 4 / 16]

    monkeypatch.setattr(module, "as_fast_as", nine)
    return asked


def test_students_are_trained_once_and_told(finished: Path, tmp_path: Path, measured: list[int]) -> None:
    out = tmp_path / "slim"
    plan = plan_slimming(finished, [0.5, 0.25], out, against=["pool", "scratch"], passes=1, seeds=[0, 1])
    assert not out.exists() and plan.places == [1, 2] and plan.recipe.lr == 5e-4 and plan.recipe.warmup == 0
    runs = slim(plan)
    assert list(runs) == ["slim", "pool", "scratch"] and len(runs["slim"]) == 2
    results = slim_results(plan, runs)
    assert results == json.loads((out / "results.json").read_text())
    assert results["command"] == (
        "headstart slim 0.50,teacher --keep 0.5,0.25 --after 1,2 --against pool,scratch --passes 1 --seeds 2"
    )
    student, pool, scratch = results["arms"]
    assert [student["tokens"], pool["tokens"], scratch["tokens"]] == [[8, 4], [9, 4], [8, 4]]
    assert student["difference"] is None and len(pool["interval"]) == 2 and pool["n"] == 2
    assert pool["mean"] == pytest.approx(sum(run["test"] for run in pool["runs"]) / 2)
    teacher = results["teacher"]
    assert teacher["test"] == json.loads((finished / "result.json").read_text())["test_accuracy"]
    assert teacher["times"] == student["equal"] == 1 and teacher["images_per_second"] > 0
    assert pool["parameters"] == teacher["parameters"] < student["parameters"] and student["flops"] < teacher["flops"]
    # The student starts as the teacher, the one from scratch does not.
    methods = {arm: load_run(made[0].folder).recipe.methods[-1] for arm, made in runs.items()}
    assert methods["slim"].startswith("slim:keep=0.5/0.25:after=1/2:distill=frd:teacher=/")
    assert ":distill=none:start=scratch:" in methods["scratch"] and ":how=pool:" in methods["pool"]
    # Again, with one arm more: what is there stays.
    before = {path: path.stat().st_mtime_ns for path in out.glob("*/*/model.safetensors")}
    plan = plan_slimming(finished, [0.5, 0.25], out, against=["pool", "logits"], passes=1, seeds=[0])
    noted = out / "pool/seed-0/machine.json"
    noted.write_text(json.dumps({**json.loads(noted.read_text()), "commit": "elsewhere"}))
    again = slim_results(plan, slim(plan))
    assert again["commit"] == ", ".join([results["commit"] or "none", "elsewhere"])
    assert again["timed"]["commit"] == results["commit"] and again["timed"]["hardware"] == results["hardware"]
    assert len(before) == 6 and all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert (out / "logits/seed-0/result.json").exists() and len(measured) == 1
    with pytest.raises(
        HeadstartError, match=r"holds a run of another config: keep \(\[0.5, 0.25\] there, \[0.5\] asked"
    ):
        plan_slimming(finished, [0.5], out, passes=1)
    with pytest.raises(HeadstartError, match="holds a comparison; name one of its runs: logits/seed-0, pool/seed-0"):
        plan_slimming(out, [0.5], tmp_path / "more")
    with pytest.raises(HeadstartError, match="is a slim run already; name the run it was slimmed from"):
        plan_slimming(out / "slim/seed-0", [0.5], tmp_path / "more")


def test_a_cut_slimming_goes_on(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from headstart.training import engine

    whole = slim(plan_slimming(finished, [0.5], tmp_path / "whole"))["slim"][0].folder
    original, steps = engine.RunState.count, 0

    def cut(*args: Any) -> None:
        nonlocal steps
        steps += 1
        if steps == 2:
            raise KeyboardInterrupt
        original(*args)

    with monkeypatch.context() as patch:
        patch.setattr(engine.RunState, "count", cut)
        with pytest.raises(KeyboardInterrupt):
            slim(plan_slimming(finished, [0.5], tmp_path / "cut"), save_every=0.0)
    again = slim(plan_slimming(finished, [0.5], tmp_path / "cut"))["slim"][0].folder
    assert (again / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
