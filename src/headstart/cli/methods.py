"""The small-data methods, listed with their options."""

from __future__ import annotations

import inspect

from rich.table import Table

from headstart.cli.common import app, console, friendly

__all__ = ["methods"]


@app.command()
@friendly
def methods() -> None:
    """List the small-data methods: what each does, and its options."""
    from headstart.methods import METHODS
    from headstart.specs import write_value

    table = Table("method", "what", "options", box=None, pad_edge=False)
    for name, method in sorted(METHODS.items()):
        what = " ".join((inspect.getdoc(method) or "").split("\n\n")[0].split())
        known = inspect.signature(method).parameters.values()
        options = " ".join(f"{option.name}={write_value(option.default)}" for option in known)
        table.add_row(name, what.replace("``", ""), options)
    shown = console()
    shown.print(table)
    shown.print(
        "\nUse them with --with NAME,NAME:OPTION=VALUE, or in an arm of a comparison: --init impulse,impulse+NAME.",
        markup=False,
        soft_wrap=True,
    )
