"""The studies: listed, and run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli.common import command
from headstart.cli.completion import study_names
from headstart.cli.options import Out
from headstart.cli.speaking import answer, console, listing, print_json, show_paths


@command("headstart study filters --quick")
def study(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Without one, the studies are listed.", autocompletion=study_names),
    ] = None,
    out: Out = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, metavar="N", help="Seeds of each arm.")] = 3,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The first seed.")] = 0,
    quick: Annotated[bool, typer.Option("--quick", help="A size of seconds, to see that it works.")] = False,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting of it; repeatable.")
    ] = None,
) -> None:
    """Answer a question about why it works, by experiment: a result file, a table and pictures."""
    from headstart.errors import unknown
    from headstart.studies import STUDIES, Request
    from headstart.training.provenance import commit

    if name is None:
        answer().print(listing((one.name, one.question, one.time) for one in STUDIES.values()))
        print_json({"studies": [{"name": s.name, "question": s.question, "takes": s.time} for s in STUDIES.values()]})
        return
    if name not in STUDIES:
        raise unknown("study", name, STUDIES)
    folder = out or Path(f"runs/study-{name}")
    commit()  # now: by the end of the study it may be another
    request = Request(folder, seeds, quick, tuple(set_ or ()), console(), answer(), seed)
    results = STUDIES[name].run(request)
    files = show_paths(console(), sorted([*folder.glob("*.json"), *folder.glob("*.png")]))
    print_json({"study": name, "folder": str(folder), "results": results, "files": files})
