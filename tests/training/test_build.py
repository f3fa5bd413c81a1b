"""Patches in another order: the same for training and evaluation, and without a trace where it is off."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from headstart.data.permuting import permute_pixels
from headstart.errors import HeadstartError
from headstart.training import Recipe, load_run, train
from headstart.training.build import arranged, build_dataset
from headstart.training.feed import Feed
from headstart.training.processes import Processes


def batch(recipe: Recipe) -> tuple[Tensor, Tensor]:
    part = next(next(Feed(recipe, build_dataset(recipe), Processes("float32"), 1).steps(1)))
    return part.images, part.targets


@pytest.mark.parametrize("more", [[], ["mixup=0.8", "cutmix=1", "erase=0.5"]])
def test_batches_are_augmented_as_ever_and_then_permuted(tiny: Recipe, more: list[str]) -> None:
    recipe = tiny.override(more)
    permuted = recipe.override(["permute_patches=3"])
    places = build_dataset(permuted).places
    assert places is not None
    (images, targets), (moved, same) = batch(recipe), batch(permuted)
    assert not torch.equal(images, moved)
    assert torch.equal(permute_pixels(images, places), moved) and torch.equal(targets, same)


def test_the_order_is_one_for_all_seeds_and_another_for_another_number(tiny: Recipe) -> None:
    orders = [
        build_dataset(tiny.override(changes)).places
        for changes in (["permute_patches=0"], ["permute_patches=0", "seed=5"], ["permute_patches=1"])
    ]
    assert all(order is not None for order in orders)
    assert torch.equal(orders[0], orders[1])  # type: ignore[arg-type]
    assert not torch.equal(orders[0], orders[2])  # type: ignore[arg-type]


def test_a_loaded_dataset_is_arranged_as_the_recipe_says(tiny: Recipe, tmp_path: Path) -> None:
    loaded, permuted = build_dataset(tiny), tiny.override(["permute_patches=0", "passes=1"])
    one = train(permuted, tmp_path / "given", dataset=loaded)
    other = train(permuted, tmp_path / "built")
    assert one["val_accuracy"] == other["val_accuracy"] and one["test_accuracy"] == other["test_accuracy"]
    assert arranged(arranged(loaded, permuted), tiny).places is None
    run = load_run(tmp_path / "built")
    pictures = run.pictures(2)
    stored = arranged(loaded, tiny).seen(pictures)
    assert torch.equal(run.normalize(pictures), run.dataset.arrange(stored))
    with torch.no_grad():
        assert torch.equal(run.classifier(stored), run.model(run.normalize(pictures)))
        assert not torch.allclose(run.classifier(stored), run.model(stored))


def test_the_hash_of_a_recipe_without_it_is_what_it_was(tiny: Recipe) -> None:
    assert "permute_patches" not in tiny.portable() and "permute_size" not in tiny.portable()
    assert tiny.override(["permute_patches=0"]).config_hash != tiny.config_hash


def test_patches_of_a_size_that_does_not_fit_are_refused(tiny: Recipe) -> None:
    with pytest.raises(HeadstartError, match=r"8×8 pixels.*got 3"):
        build_dataset(tiny.override(["permute_patches=0", "permute_size=3"]))
    with pytest.raises(HeadstartError, match="greater than or equal to 0"):
        tiny.override(["permute_patches=-1"])


@pytest.mark.parametrize(
    ("parts", "named"), [(["test"], "no test image"), (["train", "val"], "no training and no validation image")]
)
def test_a_loaded_dataset_without_images_of_a_part_is_refused_at_once(
    tiny: Recipe, tmp_path: Path, parts: list[str], named: str
) -> None:
    loaded = build_dataset(tiny)
    missing = replace(loaded, **{part: getattr(loaded, part)[:0] for part in parts})
    with pytest.raises(HeadstartError, match=f"digits has {named}: training needs all three parts"):
        train(tiny, tmp_path / "run", dataset=missing)
    assert not list((tmp_path / "run").glob("*"))
