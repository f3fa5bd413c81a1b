"""Options that several commands share, and the recipe that they add up to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headstart.cli.completion import dataset_names, method_names, recipe_names
from headstart.cli.speaking import console

if TYPE_CHECKING:
    from headstart.data import Dataset
    from headstart.training import Recipe

__all__ = [
    "Data",
    "Fraction",
    "Limit",
    "Named",
    "Out",
    "PerClass",
    "Permute",
    "SaveEvery",
    "Set",
    "Track",
    "Watch",
    "With",
    "chosen_recipe",
    "named_trackers",
    "own_folder",
    "say_outlook",
]

FEWER, WATCHING = "Fewer images", "Keeping and watching"

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATASET",
        help="Your images, a name of `headstart data list`, NAME:PATH.",
        autocompletion=dataset_names,
    ),
]
Named = Annotated[
    str | None,
    typer.Option("--recipe", metavar="NAME", help="A named recipe (headstart recipes).", autocompletion=recipe_names),
]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the recipe; repeatable.")
]
With = Annotated[
    str | None,
    typer.Option("--with", metavar="A,B", help="Small-data methods (headstart methods).", autocompletion=method_names),
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FOLDER", help="Where to write; the same one again goes on.")
]
Limit = Annotated[int | None, typer.Option("--limit", metavar="N", help="Train on N images.", rich_help_panel=FEWER)]
PerClass = Annotated[
    int | None, typer.Option("--per-class", metavar="N", help="On N of each class.", rich_help_panel=FEWER)
]
Fraction = Annotated[
    float | None, typer.Option("--fraction", metavar="SHARE", help="On that share of them.", rich_help_panel=FEWER)
]
SaveEvery = Annotated[
    float,
    typer.Option(
        "--save-every", min=0, metavar="SECONDS", help="Between checkpoints inside a pass.", rich_help_panel=WATCHING
    ),
]
Watch = Annotated[
    bool, typer.Option("--watch", help="Record how local heads are after each pass.", rich_help_panel=WATCHING)
]
Track = Annotated[
    str | None,
    typer.Option("--track", metavar="A,B", help="tensorboard, wandb, trackio, mlflow.", rich_help_panel=WATCHING),
]
Permute = Annotated[bool, typer.Option("--permute-patches", help="Patches of all images in one random order.")]


def own_folder(start: str, recipe: Recipe, assignments: list[str] | None) -> Path:
    """``runs/START``, with a model that was asked for and permuted patches in the name: those are other runs."""
    from headstart.training import arm_folder

    parts = [start]
    if any(assignment.partition("=")[0].strip() == "model" for assignment in assignments or ()):
        parts.append(arm_folder(recipe.model.replace("/", "-")))
    if recipe.permute_patches is not None:
        parts.append(f"permuted{recipe.permute_patches or ''}")
    return Path("runs", "-".join(parts))


def say_outlook(recipe: Recipe, dataset: Dataset) -> None:
    """Print how many images and steps there are to be."""
    from headstart.training.outlook import outlook

    for line in outlook(recipe, dataset):
        console().print(line, markup=False, highlight=False, soft_wrap=True)


def named_trackers(text: str | None) -> list[str]:
    """What ``--track`` names."""
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def chosen_recipe(dataset: str, name: str | None, given: dict[str, Any], assignments: list[str] | None) -> Recipe:
    """The named recipe, else the dataset's own or a recommended one (told with its reasons), changed as asked."""
    from headstart.data import spec_place
    from headstart.training import named_recipe, recipe_for
    from headstart.training.recipes import pinned

    given = {"methods" if key == "with" else key: value for key, value in given.items() if value is not None}
    changes = [f"{key}={value}" for key, value in given.items()]
    changes = [*changes, *(assignments or [])]
    spec = spec_place(dataset)
    if name is not None:
        return pinned(named_recipe(name).override([f"dataset={spec}", *changes]))
    advice = recipe_for(spec, changes)
    if advice.reasons:
        shown = console()
        shown.print(
            f"recommended for {advice.recipe.dataset_name} (change any of it with --set):",
            markup=False,
            highlight=False,
        )
        for reason in advice.reasons:
            shown.print(f"  {reason}", style="cyan", markup=False, highlight=False, soft_wrap=True)
    return advice.recipe
