"""Runs that train at once end where they would have ended one by one, whatever cuts them."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from headstart.errors import HeadstartError
from headstart.training import Recipe, compare, together_engine
from headstart.training.comparison import plan
from headstart.training.state import RunState
from headstart.training.stopping import Stopped
from headstart.training.together import Together

ARMS = ["default", "mimetic", "impulse"]
ALL = ["val_every=2", "mixup=0.8", "erase=0.25", "ema=0.9", "accumulate=2", "batch_size=40", "drop_path=0.5"]


def histories(results: dict[str, Any], key: str) -> list[float]:
    return [row.get(key, 0.0) for arm in results["arms"] for run in arm["runs"] for row in run["history"]]


@pytest.mark.parametrize("changes", [[], ALL, ["optimizer=muon"]], ids=["plain", "everything", "muon"])
def test_runs_at_once_end_where_they_would_one_by_one(tiny: Recipe, tmp_path: Path, changes: list[str]) -> None:
    recipe = tiny.override(changes)
    reports: dict[bool, list[str]] = {True: [], False: []}
    results = {}
    for at_once in (True, False):
        results[at_once] = compare(
            recipe,
            ARMS[1:],
            [0, 1],
            tmp_path / str(at_once),
            on_start=lambda arm, report, at_once=at_once: reports[at_once].append(arm),  # type: ignore[misc]
            runner=Together(8) if at_once else None,
        )
    assert reports[True] == reports[False] == ARMS[1:]
    assert histories(results[True], "train_loss") == pytest.approx(histories(results[False], "train_loss"), abs=2e-5)
    assert histories(results[True], "lr") == histories(results[False], "lr")
    for key in ("train_accuracy", "val_accuracy"):
        # An image may fall to the other side of a border: one of 200, one of 144.
        assert histories(results[True], key) == pytest.approx(histories(results[False], key), abs=0.011)
    for one in sorted((tmp_path / "True").glob("*/*/model.safetensors")):
        other = load_file(tmp_path / "False" / one.relative_to(tmp_path / "True"))
        for name, value in load_file(one).items():
            torch.testing.assert_close(value, other[name], atol=5e-4, rtol=1e-3)
    assert not list((tmp_path / "True").glob("together-*"))
    written, plain = (
        {path.name for path in (tmp_path / str(at_once) / "mimetic/seed-0").iterdir()} for at_once in (True, False)
    )
    assert written == {name for name in plain if not name.startswith(("checkpoint", "best"))}
    assert json.loads((tmp_path / "True/mimetic/seed-0/result.json").read_text())["together"] == 4


def cut_at(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], None]) -> None:
    original, counted = RunState.count, 0

    def count(*args: Any) -> None:
        nonlocal counted
        counted += 1
        if counted == number:
            act()
        original(*args)

    monkeypatch.setattr(RunState, "count", count)


class Cut(BaseException):
    """What a kill looks like from inside."""


def kill() -> None:
    raise Cut


@pytest.mark.parametrize("number", [1, 6, 13, 23])
@pytest.mark.parametrize("act", [kill, lambda: os.kill(os.getpid(), signal.SIGTERM)], ids=["killed", "stopped"])
def test_cut_anywhere_they_go_on_together_to_the_same_bits(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], None]
) -> None:
    def run(out: str) -> dict[str, Any]:
        return compare(tiny, ARMS[:2], [0], tmp_path / out, save_every=0.0, runner=Together(2))

    run("whole")
    with monkeypatch.context() as patch:
        cut_at(patch, number, act)
        with pytest.raises((Cut, Stopped)):
            run("cut")
    assert len(list((tmp_path / "cut").glob("together-*"))) <= 1
    run("cut")
    for arm in ARMS[:2]:
        whole, cut = (tmp_path / name / arm / "seed-0/model.safetensors" for name in ("whole", "cut"))
        assert whole.read_bytes() == cut.read_bytes()


def test_runs_that_have_begun_together_stay_together_and_more_can_be_added(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        cut_at(patch, 5, kill)
        with pytest.raises(Cut):
            compare(tiny, ARMS[:2], [0], tmp_path, save_every=0.0, runner=Together(2))
    chosen = plan(tiny, ARMS, [0, 1], tmp_path)
    groups = [[str(run) for run in group] for group in Together(3).groups(chosen)]
    assert groups == [
        ["default seed 0", "mimetic seed 0"],
        ["impulse seed 0", "default seed 1", "mimetic seed 1"],
        ["impulse seed 1"],
    ]
    results = compare(tiny, ARMS, [0, 1], tmp_path, runner=Together(3))
    assert [arm["n"] for arm in results["arms"]] == [2, 2, 2]
    assert not list(tmp_path.glob("together-*"))


def test_a_finished_run_is_left_as_it_is(tiny: Recipe, tmp_path: Path) -> None:
    compare(tiny, ["default"], [0], tmp_path)
    before = (tmp_path / "default/seed-0/model.safetensors").stat().st_mtime_ns
    compare(tiny, ARMS, [0], tmp_path, runner=Together(4))
    assert (tmp_path / "default/seed-0/model.safetensors").stat().st_mtime_ns == before


def test_a_run_that_goes_wrong_is_named(tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = together_engine.cross_entropies

    def wrong(logits: torch.Tensor, *rest: Any) -> torch.Tensor:
        losses = original(logits, *rest)
        return torch.stack([losses[0], losses[1] * float("nan")])

    monkeypatch.setattr(together_engine, "cross_entropies", wrong)
    with pytest.raises(
        HeadstartError, match=r"mimetic seed 0 went wrong at step 1 of 12 \(.*\): the loss is nan\. Low"
    ):
        compare(tiny, ARMS[:2], [0], tmp_path, runner=Together(2))


def test_too_many_runs_for_the_memory_name_how_many_fit(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = together_engine.Stacked.__call__

    def full(stacked: Any, *inputs: Any) -> torch.Tensor:
        if len(stacked.models) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return original(stacked, *inputs)

    monkeypatch.setattr(together_engine.Stacked, "__call__", full)
    with pytest.raises(HeadstartError, match="3 runs at once do not fit in memory; 2 do: --together 2, with another"):
        compare(tiny, ARMS, [0], tmp_path, runner=Together(3))


def test_what_can_not_be_at_once_is_told(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match="expected 2 or more runs at once, got 1; leave --together out"):
        Together(1)
    with pytest.raises(HeadstartError, match="can't step back one by one; use --set step_back=0"):
        compare(tiny.override(["step_back=1"]), ARMS[:2], [0], tmp_path, runner=Together(2))
