"""What a run is going to do, before it begins: how many images and steps, and whether those are few."""

from __future__ import annotations

import math

from headstart.data import Dataset
from headstart.training.recipe import Recipe

__all__ = ["outlook"]

FEW = 100  # steps


def outlook(recipe: Recipe, dataset: Dataset) -> list[str]:
    """Images of each part and steps of the optimizer, in a line; where these are few, a second says what makes more."""
    images = len(dataset.train)
    batch = min(recipe.batch_size, images)
    each = images // batch
    sizes = f"{images:,} images to train, {len(dataset.val):,} to validate, {len(dataset.test):,} to test"
    passes, steps = recipe.passes, recipe.passes * each
    lines = [f"{sizes}; batches of {batch}, {_counted(passes, 'pass', 'passes')}: {_counted(steps, 'step', 'steps')}"]
    if steps < FEW:
        more = math.ceil(FEW / each)
        lines.append(f"so few steps teach little and say little of a start: --set passes={more} makes {more * each}")
    return lines


def _counted(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"
