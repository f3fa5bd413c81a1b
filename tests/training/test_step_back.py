import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from headstart.errors import HeadstartError
from headstart.training import Recipe, step, train
from headstart.training.optimization import learning_rate
from headstart.training.run_folder import read_json
from headstart.training.state import RunState
from headstart.training.stopping import Stopped


@contextmanager
def wrong_at(monkeypatch: pytest.MonkeyPatch, *moments: tuple[int, int], stop: int | None = None) -> Iterator[None]:
    """The loss of step s (from 0) is no number while n steps back have been made, for each (s, n) of ``moments``.

    A SIGTERM comes in the ``stop``-th step that is made.
    """
    rate, cross_entropy, now, made = RunState.rate, step.F.cross_entropy, [(0, 0)], [0]

    def noted(state: RunState, step: int) -> float:
        now[0] = (step, len(state.backs))
        return rate(state, step)

    def loss(*args: Any, **kwargs: Any) -> Tensor:
        made[0] += 1
        if made[0] == stop:
            os.kill(os.getpid(), signal.SIGTERM)
        return cross_entropy(*args, **kwargs) * (float("nan") if now[0] in moments else 1)

    with monkeypatch.context() as patch:
        patch.setattr(RunState, "rate", noted)
        patch.setattr(step.F, "cross_entropy", loss)
        yield


def test_a_step_back_goes_on_from_the_last_pass_with_a_third_of_the_rate(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tiny.override(["step_back=1"])
    with wrong_at(monkeypatch, (6, 0)):
        result = train(recipe, tmp_path)
    back = {"step": 7, "pass": 2, "lr": learning_rate(6, 12, recipe), "what": "the loss is nan"}
    assert result["step_backs"] == [back]
    rates = [line["lr"] for line in map(json.loads, (tmp_path / "history.jsonl").read_text().splitlines())]
    wanted = [learning_rate(3, 12, recipe), learning_rate(7, 12, recipe) / 3, learning_rate(11, 12, recipe) / 3]
    assert rates == pytest.approx(wanted)


def test_a_step_back_in_the_first_pass_goes_to_the_start(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with wrong_at(monkeypatch, (2, 0), (1, 1)):
        result = train(tiny.override(["step_back=2"]), tmp_path)
    assert [back["step"] for back in result["step_backs"]] == [3, 2]
    assert result["step_backs"][1]["lr"] == pytest.approx(learning_rate(1, 12, tiny) / 3)


def test_when_all_steps_back_are_used_up_the_run_stops(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with wrong_at(monkeypatch, (6, 0), (9, 1)), pytest.raises(HeadstartError) as error:
        train(tiny.override(["step_back=1"]), tmp_path, save_every=0.0)
    rate = learning_rate(9, 12, tiny) / 3
    assert str(error.value) == (
        f"training went wrong at step 10 of 12 (pass 3, learning rate {rate:.2g}): the loss is nan. The last good "
        f"checkpoint is {tmp_path / 'checkpoint-inside.safetensors'} (2 passes done and 1 steps). "
        "Try --set lr=0.0001 with another --out; --set step_back=4 there goes back and lowers it by itself."
    )


@pytest.mark.parametrize("stop", range(1, 16))
def test_cut_and_stepped_back_a_run_ends_with_the_same_bits(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    recipe = tiny.override(["step_back=2"])
    with wrong_at(monkeypatch, (6, 0), (9, 1)):
        whole = train(recipe, tmp_path / "whole")
    assert len(whole["step_backs"]) == 2
    try:
        with wrong_at(monkeypatch, (6, 0), (9, 1), stop=stop):
            train(recipe, tmp_path / "cut")
    except Stopped:
        with wrong_at(monkeypatch, (6, 0), (9, 1)):
            train(recipe, tmp_path / "cut")
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "cut")]
    assert weights[0] == weights[1]
    assert read_json(tmp_path / "cut/result.json")["step_backs"] == whole["step_backs"]
