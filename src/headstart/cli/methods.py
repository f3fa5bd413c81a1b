"""The small-data methods, listed with their options."""

from __future__ import annotations

import inspect
from typing import Any

from headstart.cli.common import command
from headstart.cli.speaking import answer, console, listing, print_json

__all__ = ["methods"]


@command("headstart methods")
def methods() -> None:
    """List the small-data methods: what each does, and its options."""
    from headstart.methods import METHODS
    from headstart.specs import write_value

    document: list[dict[str, Any]] = []
    for name, method in sorted(METHODS.items()):
        what = " ".join((inspect.getdoc(method) or "").split("\n\n")[0].split()).replace("``", "")
        known = inspect.signature(method).parameters.values()
        options = {option.name: write_value(option.default) for option in known}
        document.append({"name": name, "what": what, "options": options})
    options_of = {one["name"]: " ".join(f"{key}={value}" for key, value in one["options"].items()) for one in document}
    answer().print(listing((one["name"], one["what"], options_of[one["name"]]) for one in document))
    print_json({"methods": document})
    console().print(
        "\nUse them with --with NAME,NAME:OPTION=VALUE, or in an arm of a comparison: --init impulse,impulse+NAME.",
        markup=False,
        soft_wrap=True,
    )
