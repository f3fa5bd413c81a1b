"""The named recipes, listed, and one of them in full."""

from __future__ import annotations

import inspect
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from headstart.cli.common import app, friendly

__all__ = ["recipes"]


@app.command()
@friendly
def recipes(
    name: Annotated[str | None, typer.Argument(help="One of them, to be shown in full.")] = None,
) -> None:
    """List the named recipes: what each is for, and the command that runs it; or show one, with all its keys."""
    from headstart.training import RECIPES, named_recipe

    console = Console()
    if name is not None:
        recipe = named_recipe(name)
        console.print(_plain(inspect.getdoc(RECIPES[name])), markup=False, highlight=False)
        console.print()
        for key, value in recipe.model_dump(mode="json").items():
            text = ",".join(map(str, value)) if isinstance(value, list) else str(value).lower()
            console.print(f"  {key}={text}", markup=False, highlight=False, soft_wrap=True)
        return
    table = Table("recipe", "what", "command", box=None, pad_edge=False)
    for name, make in sorted(RECIPES.items()):
        # A docstring's first paragraph says what; a later one begins with "Command:".
        what, *rest = (" ".join(part.split()) for part in (inspect.getdoc(make) or "").split("\n\n"))
        command = next((part.partition("``")[2].partition("``")[0] for part in rest if part.startswith("Command:")), "")
        table.add_row(name, what, command)
    console.print(table)
    console.print(
        "\nUse one with --recipe NAME, and change any of it with --set KEY=VALUE; "
        "headstart recipes NAME shows it in full.",
        markup=False,
        soft_wrap=True,
    )


def _plain(text: str | None) -> str:
    return (text or "").replace("``", "")
