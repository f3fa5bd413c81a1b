"""The named recipes, listed."""

from __future__ import annotations

import inspect

from rich.console import Console
from rich.table import Table

from headstart.cli.common import app, friendly

__all__ = ["recipes"]


@app.command()
@friendly
def recipes() -> None:
    """List the named recipes: what each is for, and the command that runs it."""
    from headstart.training import RECIPES

    table = Table("recipe", "what", "command", box=None, pad_edge=False)
    for name, make in sorted(RECIPES.items()):
        # A docstring's first paragraph says what; a later one begins with "Command:".
        what, *rest = (" ".join(part.split()) for part in (inspect.getdoc(make) or "").split("\n\n"))
        command = next((part.partition("``")[2].partition("``")[0] for part in rest if part.startswith("Command:")), "")
        table.add_row(name, what, command)
    console = Console()
    console.print(table)
    console.print("\nUse one with --recipe NAME, and change any of it with --set KEY=VALUE.", markup=False)
