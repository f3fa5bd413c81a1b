"""Methods in runs that are cut, averaged, in parts, and many at once."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from headstart.errors import HeadstartError
from headstart.training import Recipe, compare, engine, together_engine, train
from headstart.training.stopping import Stopped
from headstart.training.together import Together

pytestmark = pytest.mark.usefixtures("toys")


def test_runs_with_and_without_a_method_see_the_same_images(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[Tensor]] = {"": [], "guess": []}
    for methods in seen:
        original = engine.Feed._parts

        def record(feed: Any, *args: Any, methods: str = methods) -> Any:
            for part in original(feed, *args):  # noqa: B023  used at once
                seen[methods].append(part.images)
                yield part

        with monkeypatch.context() as patch:
            patch.setattr(engine.Feed, "_parts", record)
            train(tiny.override([f"methods={methods}"]), tmp_path / f"run-{methods}")
    assert torch.equal(torch.stack(seen[""]), torch.stack(seen["guess"]))


@pytest.mark.parametrize("changes", [[], ["ema=0.9"]], ids=["plain", "averaged"])
def test_a_cut_run_with_methods_ends_with_the_same_bits(
    tiny: Recipe, tmp_path: Path, cut_and_whole: Callable[[Recipe], list[str]], changes: list[str]
) -> None:
    recipe = tiny.override(["methods=toy,guess", *changes])
    cut, whole = cut_and_whole(recipe)
    assert cut == whole


@pytest.mark.parametrize("runner", [None, Together(2)], ids=["one", "together"])
def test_a_moving_average_cut_after_its_last_step_is_evaluated_as_far_as_it_is(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: Together | None
) -> None:
    module, name = (together_engine, "accuracies") if runner else (engine, "accuracy")
    original: Callable[..., Any] = getattr(module, name)
    seen: list[list[float]] = []

    def evaluated(final: Any, *args: Any) -> Any:
        models = final.models if runner else [final]
        seen.append([round(dict(model.named_buffers())["norm.factor"].item(), 3) for model in models])
        if len(seen) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(final, *args)

    monkeypatch.setattr(module, name, evaluated)
    recipe = tiny.override(["methods=toy", "ema=0.9"])
    arms = ["default", "mimetic"] if runner else ["default"]
    with pytest.raises(Stopped, match=r"after pass 3 of 3"):
        compare(recipe, arms, [0], tmp_path, runner=runner)
    compare(recipe, arms, [0], tmp_path, runner=runner)
    assert seen == [[factor] * len(arms) for factor in (0.667, 0.833, 1.0, 1.0)]


def test_parts_give_the_result_of_the_whole_batch(
    tiny: Recipe, parts_and_whole: Callable[[Recipe], dict[str, float]]
) -> None:
    assert max(parts_and_whole(tiny.override(["methods=toy,guess", "batch_size=40"])).values()) < 1e-5


def test_surgery_goes_with_many_runs_at_once_and_losses_do_not(tiny: Recipe, tmp_path: Path) -> None:
    recipe = tiny.override(["methods=toy"])
    together, apart = (
        compare(recipe, ["default", "mimetic"], [0], tmp_path / name, runner=runner)
        for name, runner in (("together", Together(2)), ("apart", None))
    )
    for one, other in zip(together["arms"], apart["arms"], strict=True):
        losses = [[row["train_loss"] for row in arm["runs"][0]["history"]] for arm in (one, other)]
        assert losses[0] == pytest.approx(losses[1], abs=2e-5)
    told = [
        json.loads((tmp_path / name / "default/seed-0/result.json").read_text())["costs"]
        for name in ("together", "apart")
    ]
    assert told[0] == told[1] and told[0]
    with pytest.raises(
        HeadstartError, match=r"a loss of its own can't be had by runs at once \(guess\); leave --toget"
    ):
        compare(tiny.override(["methods=guess"]), ["default", "mimetic"], [0], tmp_path / "no", runner=Together(2))
