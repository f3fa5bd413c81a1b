"""The small-data methods, listed with their options."""

from __future__ import annotations

import inspect

from rich.table import Table

from headstart.cli.common import command
from headstart.cli.speaking import answer, console, print_json

__all__ = ["methods"]


@command("headstart methods")
def methods() -> None:
    """List the small-data methods: what each does, and its options."""
    from headstart.methods import METHODS
    from headstart.specs import write_value

    table = Table("method", "what", "options", box=None, pad_edge=False)
    document = []
    for name, method in sorted(METHODS.items()):
        what = " ".join((inspect.getdoc(method) or "").split("\n\n")[0].split()).replace("``", "")
        known = inspect.signature(method).parameters.values()
        options = {option.name: write_value(option.default) for option in known}
        table.add_row(name, what, " ".join(f"{key}={value}" for key, value in options.items()))
        document.append({"name": name, "what": what, "options": options})
    answer().print(table)
    print_json({"methods": document})
    console().print(
        "\nUse them with --with NAME,NAME:OPTION=VALUE, or in an arm of a comparison: --init impulse,impulse+NAME.",
        markup=False,
        soft_wrap=True,
    )
