"""Named recipes: functions that return one. ``--recipe NAME`` picks one, ``--set key=value`` changes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from headstart.errors import unknown
from headstart.training.recipe import Recipe
from headstart.training.recommend import Recommendation, facts_of, recommend

__all__ = ["RECIPES", "cifar10", "cifar10_small", "digits", "named_recipe", "pinned", "recipe_for"]


def digits() -> Recipe:
    """Handwritten digits of 8×8 pixels in 16 patches: small enough for a CPU, and no download.

    Command: ``headstart demo``.
    """
    return Recipe(
        dataset="digits",
        # One seed on validation, default / impulse: 0.31 / 0.92 with patches of 1 pixel, 0.81 / 0.97 with 2.
        patch_size=2,
        width=96,
        depth=4,
        heads=3,
        # With shifts by one pixel every start learned more slowly: a digit fills its eight pixels.
        crop=0,
        passes=10,
        batch_size=64,
        lr=2e-3,
    )


def cifar10_small() -> Recipe:
    """5,000 images of CIFAR-10 and a ViT of width 96: minutes on a CPU, and shows what the start is worth.

    Command: ``headstart compare cifar10 --recipe cifar10_small --init default,mimetic,impulse --seeds 3``.
    """
    return Recipe(
        dataset="cifar10",
        limit=5000,
        width=96,
        depth=4,
        heads=3,
        patch_size=4,
        crop=4,
        flip=True,
        passes=8,
        batch_size=128,
        lr=1e-3,
    )


def cifar10() -> Recipe:
    """All of CIFAR-10 with ViT-Tiny at patch size 4.

    Command: ``headstart compare cifar10 --init default,mimetic,impulse --seeds 3``. Meant for a GPU.
    """
    return Recipe(dataset="cifar10", model="tiny", patch_size=4, crop=4, flip=True, passes=100, batch_size=512)


RECIPES: dict[str, Callable[[], Recipe]] = {
    "digits": digits,
    "cifar10": cifar10,
    "cifar10_small": cifar10_small,
}


def named_recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises :class:`~headstart.errors.HeadstartError` naming the near matches when there is none.
    """
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    return RECIPES[name]()


def recipe_for(dataset: str, changes: Iterable[str] = ()) -> Recommendation:
    """The recipe of a dataset with ``changes`` (``key=value``) applied, and why it is that one.

    ``digits`` and ``cifar10`` have recipes of their own. For other known datasets and for the user's own images one
    is recommended by their number and size; own images are decoded for that, which is done once.

    Raises :class:`~headstart.errors.HeadstartError` for a dataset that is not known or can't be read.
    """
    name = dataset.partition(":")[0]
    own = {"digits": digits, "cifar10": cifar10}
    if name in own:
        recipe = own[name]().model_copy(update={"dataset": dataset})
        return Recommendation(recipe).changed(changes)
    # What is asked of the data (a limit, a size) decides what is recommended for it.
    changes = list(changes)
    asked = Recipe(dataset=dataset).override(changes)
    named = any(change.partition("=")[0].strip() == "patch_size" for change in changes)
    return recommend(dataset, facts_of(asked), asked.patch_size if named else None).changed(changes)


def pinned(recipe: Recipe) -> Recipe:
    """The recipe with the content of its images in it, if they are somebody's own; as it is for a known dataset.

    Two folders may have one name. With their content in it, a run folder takes none of them for the other.
    """
    facts = facts_of(recipe) if recipe.content is None else None
    return recipe.model_copy(update={"content": facts.content}) if facts and facts.content else recipe
