"""Options of a run: each does what it says, and a cut run ends with the bits of a whole one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from headstart.errors import HeadstartError
from headstart.training import Recipe, feed, train
from headstart.training.build import build_dataset

AUGMENTED = ["resized_crop=0.5", "crop=0", "erase=0.3", "mixup=0.8", "cutmix=1", "fill=mean"]


class Cut(BaseException):
    """What a kill looks like from inside."""


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def difference(one: Path, other: Path) -> float:
    """The largest difference of two runs' weights."""
    theirs = weights(other)
    return max((value - theirs[name]).abs().max().item() for name, value in weights(one).items())


@pytest.mark.parametrize(
    "changes",
    [["ema=0.9"], ["optimizer=muon"], ["accumulate=2"], ["repeats=2"], AUGMENTED, ["augment=randaugment"]],
    ids=lambda changes: changes[0],
)
def test_cut_inside_a_pass_a_run_ends_with_the_same_bits(
    tiny: Recipe, tmp_path: Path, cut_and_whole: Callable[[Recipe], list[str]], changes: list[str]
) -> None:
    recipe = tiny.override(changes)
    cut, whole = cut_and_whole(recipe)
    assert cut == whole


@pytest.mark.parametrize("changes", [[], ["drop_path=0.5", "mixup=0.8"]], ids=["plain", "drops and mixes"])
def test_parts_of_a_batch_give_the_result_of_the_whole(tiny: Recipe, tmp_path: Path, changes: list[str]) -> None:
    recipe = tiny.override([*changes, "batch_size=40", "accumulate=1"])
    train(recipe, tmp_path / "1")
    train(recipe.override(["accumulate=4"]), tmp_path / "4")
    train(recipe.override(["seed=1"]), tmp_path / "other")
    assert difference(tmp_path / "1", tmp_path / "4") < 1e-5
    assert difference(tmp_path / "1", tmp_path / "other") > 1e-2


def test_the_average_is_evaluated_and_kept(tiny: Recipe, tmp_path: Path) -> None:
    train(tiny.override(["ema=0.9"]), tmp_path)
    stored = load_file(tmp_path / "checkpoint.safetensors")
    for name, value in weights(tmp_path).items():
        assert torch.equal(value, stored[f"ema.{name}"])
        assert not name.endswith("weight") or not torch.equal(value, stored[f"model.{name}"])


def test_muon_learns(tiny: Recipe, tmp_path: Path) -> None:
    changes = ["optimizer=muon", "passes=25", "lr=0.02", "position=sincos", "crop=0", "drop_path=0"]
    assert train(tiny.override(changes), tmp_path)["test_accuracy"] > 0.4  # chance is 0.1


def test_images_that_stay_on_the_host_give_the_same_run(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, fetched = build_dataset(tiny), []
    original = feed.fetch

    def elsewhere(split: Any, rows: Any, device: torch.device) -> Any:
        # There is no other device here: the path of the threads, to one that keeps nothing, and the images again.
        rows = list(rows)
        fetched.extend(images.shape for images, _ in original(split, rows, torch.device("meta")))
        return original(split, rows, device)

    train(tiny, tmp_path / "here", dataset=dataset, resident=True)
    monkeypatch.setattr(feed, "fetch", elsewhere)
    train(tiny, tmp_path / "host", dataset=dataset, resident=False)
    assert fetched == [(50, 1, 8, 8)] * 12
    assert difference(tmp_path / "here", tmp_path / "host") == 0


def test_what_can_not_be_cut_is_told_before_anything_is_written(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match="a batch of 50 images can't be cut into equal pieces for 1 processes × 3"):
        train(tiny.override(["accumulate=3"]), tmp_path / "run")
    assert not (tmp_path / "run").exists()
