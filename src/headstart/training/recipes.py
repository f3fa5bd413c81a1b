"""Which recipe: by its name, by its dataset, or recommended; ``--set key=value`` changes it."""

from __future__ import annotations

from collections.abc import Iterable

from headstart.errors import unknown
from headstart.training.named import RECIPES, cifar10, digits
from headstart.training.recipe import Recipe
from headstart.training.recommend import Recommendation, facts_of, recommend

__all__ = ["RECIPES", "named_recipe", "pinned", "recipe_for"]


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
