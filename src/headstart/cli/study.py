"""The studies: listed, and run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from headstart.cli.common import app, console, friendly, show_paths
from headstart.cli.options import Set


@app.command()
@friendly
def study(
    name: Annotated[str | None, typer.Argument(help="One of the studies; without, they are listed.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder; the same one again goes on.")] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Seeds of each arm.")] = 3,
    quick: Annotated[bool, typer.Option("--quick", help="A size of seconds, to see that it works.")] = False,
    set_: Set = None,
) -> None:
    """Answer a question about why it works, by experiment: a result file, a table and pictures."""
    from headstart.errors import unknown
    from headstart.studies import STUDIES, Request

    shown = console()
    if name is None:
        table = Table("study", "question", "takes", box=None, pad_edge=False)
        for one in STUDIES.values():
            table.add_row(one.name, one.question, one.time)
        shown.print(table)
        return
    if name not in STUDIES:
        raise unknown("study", name, STUDIES)
    folder = out or Path(f"runs/study-{name}")
    STUDIES[name].run(Request(folder, seeds, quick, tuple(set_ or ()), shown))
    show_paths(shown, sorted([*folder.glob("*.json"), *folder.glob("*.png")]))
