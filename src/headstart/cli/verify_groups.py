"""Whom a verification is about: strangers to every run, some to choose by and the others for the test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from headstart.errors import HeadstartError

if TYPE_CHECKING:
    from headstart.data import Dataset
    from headstart.evaluation.verification import People
    from headstart.training.opening import Opened

__all__ = ["verified_groups"]

MOST, IMAGES = 200, 3000  # of an identity, and of all together: 4.5 million pairs, seconds for each layer


def verified_groups(
    opened: Sequence[Opened], spec: str | None, development: str | None, choosing: bool, most: int | None
) -> tuple[People | None, People]:
    """The identities to choose by (None when all is given) and those of the test, all strangers to every run."""
    from headstart.data.choosing import class_numbers
    from headstart.evaluation.verification import left_out, people, split_identities

    dataset = _identities(opened, spec)
    seen = [one.run.dataset.classes for one in opened]
    strangers = left_out(dataset.classes, *seen)
    if spec is not None and len(strangers) < len(dataset.classes):
        known = [name for name in dataset.classes if name not in strangers]
        raise HeadstartError(
            f"{spec} has classes that a run was trained on: {', '.join(known[:10])}; verification is about identities "
            "that were never seen: take another dataset, or images of other classes."
        )
    if len(strangers) < 2:
        raise HeadstartError(
            f"the runs were trained on all classes of {dataset.name} but {', '.join(strangers) or 'none'}; "
            "verification takes two or more that were never seen: leave some out of the training, as "
            f"--set classes=0-{max(1, len(dataset.classes) * 2 // 3 - 1)} does, or name other images with --dataset."
        )
    most = most or max(2, min(MOST, IMAGES // len(strangers)))
    if development is not None:
        by = tuple(dataset.classes[k] for k in class_numbers(development, dataset.classes))
        familiar = [name for name in by if name not in strangers]
        if familiar:
            raise HeadstartError(f"--development: {', '.join(familiar)} was seen in training; strangers are wanted.")
        return people(dataset, by, most), people(dataset, left_out(strangers, by), most)
    if not choosing:
        return None, people(dataset, strangers, most)
    by, others = split_identities(strangers)
    return people(dataset, by, most), people(dataset, others, most)


def _identities(opened: Sequence[Opened], spec: str | None) -> Dataset:
    """All classes of ``spec``, else of the dataset that the runs were trained on, at the size that the models take."""
    from headstart.data import load_dataset

    recipes = [one.run.recipe for one in opened]
    shapes = {one.run.dataset.train.image_shape for one in opened}
    names = {recipe.dataset_name for recipe in recipes}
    if len(shapes) > 1 or (spec is None and len(names) > 1):
        raise HeadstartError(
            f"the runs were trained on images of different kinds ({', '.join(sorted(names))}; shapes "
            f"{', '.join(map(str, sorted(shapes)))}); verify them one by one."
        )
    channels, height, width = shapes.pop()
    loaded = load_dataset(
        spec or recipes[0].dataset,
        image_size=recipes[0].image_size if spec is None else height,
        max_bad=recipes[0].max_bad,
    )
    if loaded.train.image_shape != (channels, height, width):
        raise HeadstartError(
            f"the models take images of shape {(channels, height, width)}, and those of {loaded.name} have "
            f"{loaded.train.image_shape}: take images with {channels} channel{'s' * (channels > 1)}."
        )
    return loaded
