"""Options that several commands share, and the recipe that they add up to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headstart.cli.common import console

if TYPE_CHECKING:
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
]

Out = Annotated[Path | None, typer.Option("--out", help="Folder of the run; the same one again goes on.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the recipe; repeatable.")]
Limit = Annotated[int | None, typer.Option("--limit", help="Use that many training images.")]
PerClass = Annotated[int | None, typer.Option("--per-class", help="Use that many training images of each class.")]
Fraction = Annotated[float | None, typer.Option("--fraction", help="Use that share of the training images.")]
SaveEvery = Annotated[float, typer.Option("--save-every", min=0, help="Seconds between checkpoints inside a pass.")]
Named = Annotated[str | None, typer.Option("--recipe", help="Start from a named recipe.")]
Data = Annotated[
    str, typer.Argument(help="A path to your images, a known dataset (headstart data list), or NAME:PATH.")
]
With = Annotated[
    str | None, typer.Option("--with", help="Small-data methods: drloc,life … (headstart methods lists them).")
]
Watch = Annotated[bool, typer.Option("--watch", help="Write down after each pass how local each head is.")]
Permute = Annotated[
    bool, typer.Option("--permute-patches", help="Show all images with their patches in one random order.")
]
Track = Annotated[
    str | None,
    typer.Option("--track", help="Also show the numbers in: tensorboard, wandb, trackio, mlflow."),
]


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
        shown.print(f"recommended for {advice.recipe.dataset_name} (change any of it with --set):", highlight=False)
        for reason in advice.reasons:
            shown.print(f"  {reason}", style="cyan", markup=False, highlight=False, soft_wrap=True)
    return advice.recipe
