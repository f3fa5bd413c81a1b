"""Smoothing in whole runs: cut, averaged, in parts of a batch, and many at once."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from headstart.training import Recipe, compare, load_run
from headstart.training.together import Together

from .smoothed_models import images, vit

RUNS = {"plain": [], "averaged": ["ema=0.9"]}


@pytest.mark.parametrize("changes", RUNS.values(), ids=RUNS)
def test_a_cut_run_ends_with_the_same_bits_and_is_the_plain_network(
    tiny: Recipe, tmp_path: Path, cut_and_whole: Callable[[Recipe], list[str]], changes: list[str]
) -> None:
    recipe = tiny.override(["methods=smoothing:where=values", *changes])
    cut, whole = cut_and_whole(recipe)
    assert cut == whole
    smoothed = load_run(tmp_path / "whole")
    plain = vit(image_size=8, patch_size=2, in_channels=1).eval()
    plain.load_state_dict(load_file(tmp_path / "whole/model.safetensors"))
    assert torch.equal(smoothed.model(images(4, 1, 8, 8)), plain(images(4, 1, 8, 8)))


def test_parts_of_a_batch_give_the_result_of_the_whole(
    tiny: Recipe, parts_and_whole: Callable[[Recipe], dict[str, float]]
) -> None:
    assert max(parts_and_whole(tiny.override(["methods=smoothing:where=values"])).values()) < 1e-5


@pytest.mark.parametrize("where", ["embedding", "values"])
def test_runs_at_once_have_the_losses_of_runs_apart(tiny: Recipe, tmp_path: Path, where: str) -> None:
    recipe = tiny.override([f"methods=smoothing:where={where}", "ema=0.9"])
    together, apart = (
        compare(recipe, ["default", "mimetic"], [0], tmp_path / name, runner=runner)
        for name, runner in (("together", Together(2)), ("apart", None))
    )
    for one, other in zip(together["arms"], apart["arms"], strict=True):
        losses = [[row["train_loss"] for row in arm["runs"][0]["history"]] for arm in (one, other)]
        assert losses[0] == pytest.approx(losses[1], abs=2e-5)
