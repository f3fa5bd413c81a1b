"""From a recipe to its data and its model, weights and all."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from headstart.data import Dataset, Split, load_dataset
from headstart.data.permuting import patch_permutation
from headstart.errors import HeadstartError
from headstart.initialization import init_, resolve
from headstart.training.architectures import create
from headstart.training.recipe import Recipe
from headstart.training.seeds import generator, seeded

if TYPE_CHECKING:
    from headstart.initialization import InitReport

__all__ = ["arranged", "build_dataset", "build_model", "initialize", "sample_images", "sampled", "whole"]


def build_dataset(recipe: Recipe) -> Dataset:
    """The recipe's data, split by ``split_seed``: the same images for every seed and arm."""
    dataset = load_dataset(
        recipe.dataset,
        classes=recipe.classes,
        limit=recipe.limit,
        per_class=recipe.per_class,
        fraction=recipe.fraction,
        val_fraction=recipe.val_fraction,
        seed=recipe.split_seed,
        image_size=recipe.image_size,
        max_bad=recipe.max_bad,
    )
    if recipe.content is not None and recipe.content != dataset.content:
        raise HeadstartError(
            f"the images of {recipe.dataset} are not those of the recipe: expected content {recipe.content}, "
            f"got {dataset.content or 'a known dataset, which has none'}; put back what changed, or leave out content"
        )
    if recipe.flip and not dataset.flip_ok:
        raise HeadstartError(f"a mirrored image of {dataset.name} may mean something else; use --set flip=false.")
    if len(dataset.val) == 0:
        raise HeadstartError(f"val_fraction {recipe.val_fraction} leaves no validation image; use a larger one.")
    return arranged(dataset, recipe)


def whole(dataset: Dataset) -> Dataset:
    """The dataset as it is; raises :class:`~headstart.errors.HeadstartError` where a part of it has no image."""
    parts = {"training": dataset.train, "validation": dataset.val, "test": dataset.test}
    empty = [name for name, part in parts.items() if not len(part)]
    if empty:
        raise HeadstartError(
            f"{dataset.name} has no {' and no '.join(empty)} image: training needs all three parts, the training "
            "images to learn from, the validation images to choose by, and the test images for the end."
        )
    return dataset


def arranged(dataset: Dataset, recipe: Recipe) -> Dataset:
    """The dataset with its patches in the order that ``recipe.permute_patches`` names: one for all its images."""
    if recipe.permute_patches is None:
        return replace(dataset, places=None)
    _, height, width = dataset.train.image_shape
    size = recipe.permute_size or recipe.patch_size
    places = patch_permutation((height, width), size, generator(recipe.permute_patches, "patches"))
    return replace(dataset, places=places.to(dataset.train.labels.device))


def build_model(recipe: Recipe, dataset: Dataset) -> nn.Module:
    """The recipe's model with its usual weights, drawn from ``recipe.seed``; global random state untouched."""
    with seeded(recipe.seed, "weights"):
        return create(recipe, dataset)


def initialize(model: nn.Module, recipe: Recipe, dataset: Dataset) -> InitReport:
    """Apply ``recipe.init`` to ``model`` in place, with training images when the scheme needs some."""
    images = None
    if resolve(recipe.init).uses_images:
        sample = sample_images(dataset.train, recipe.init_images, recipe.seed)
        images = dataset.seen(sample).to(next(model.parameters()).device)
    with warnings.catch_warnings():
        # The same sentences are in report.notes, which are shown once instead of once per seed.
        warnings.simplefilter("ignore", UserWarning)
        return init_(model, recipe.init, images=images, generator=generator(recipe.seed, "init"))


def sample_images(split: Split, count: int, seed: int) -> Tensor:
    """The images of :func:`sampled`, as stored: uint8 (count, C, height, width)."""
    return sampled(split, count, seed).images


def sampled(split: Split, count: int, seed: int) -> Split:
    """``count`` images of ``split`` with their labels (all, if it has fewer), the same at every call."""
    order = torch.randperm(len(split), generator=generator(seed, "sample"))[:count]
    return split[order.to(split.labels.device)]
