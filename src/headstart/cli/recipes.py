"""The named recipes, listed, and one of them in full."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli.common import command
from headstart.cli.completion import recipe_names
from headstart.cli.speaking import answer, console, listing, print_json

if TYPE_CHECKING:
    from headstart.training import Recipe

__all__ = ["recipes"]


@command("headstart recipes cifar10_small")
def recipes(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="One of them, to be shown in full.", autocompletion=recipe_names),
    ] = None,
) -> None:
    """List the named recipes: what each is for, and the command that runs it; or show one, with all its keys."""
    from headstart.training import RECIPES, named_recipe
    from headstart.training.provenance import written

    if name is not None:
        recipe = named_recipe(name)
        values = recipe.model_dump(mode="json")
        shown = answer()
        for part in _parts(RECIPES[name]):
            # A command is one line, to be copied, so without the full stop behind it.
            text = part.replace("``.", "").replace("``", "")
            shown.print(f"{text}\n", markup=False, highlight=False, soft_wrap=part.startswith("Command:"))
        for key, value in values.items():
            shown.print(f"  {key}={written(value)}", markup=False, highlight=False, soft_wrap=True)
        print_json({"name": name, "recipe": values})
        return
    document = []
    for name, make in sorted(RECIPES.items()):
        what, *rest = _parts(make)
        run = next((part.partition("``")[2].partition("``")[0] for part in rest if part.startswith("Command:")), "")
        document.append({"name": name, "what": what, "command": run})
    for one in document:
        answer().print(listing([(one["name"].ljust(max(map(len, RECIPES))), one["what"], "")]))
        answer().print(f"  {one['command']}", style="cyan", markup=False, highlight=False, soft_wrap=True)
    print_json({"recipes": document})
    console().print(
        "\nUse one with --recipe NAME, and change any of it with --set KEY=VALUE; "
        "headstart recipes NAME shows it in full.",
        markup=False,
        soft_wrap=True,
    )


def _parts(make: Callable[[], Recipe]) -> list[str]:
    """The paragraphs of a recipe's docstring, each in a line: what it is for, then one that begins with "Command:" …"""
    return [" ".join(part.split()) for part in (inspect.getdoc(make) or "").split("\n\n")]
