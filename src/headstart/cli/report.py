"""``headstart report``: a run or a comparison as one HTML page, also written at the end of `train` and `compare`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from headstart.cli.common import command
from headstart.cli.speaking import answer, print_json, show_paths
from headstart.errors import HeadstartError

if TYPE_CHECKING:
    from headstart.reporting.page import Arm
    from headstart.training.inspection import Run

__all__ = ["report_of_finished", "write_report"]

OPENED = 6  # arms that are opened to be looked at: all of a usual comparison
EXPLORED = 3  # arms whose attention is on the page
SCORED = 10_000  # images that classes are judged by
SAMPLED = 1_000  # validation images that mistakes are shown of
MEASURED = 64  # validation images on which heads are measured


@command("headstart report runs/cifar10-impulse")
def report(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Of `headstart train` or `headstart compare`.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Default: report.html in the folder.")
    ] = None,
) -> None:
    """Write a run or a comparison as one HTML page, with an explorer of what each head looks at."""
    print_json({"files": show_paths(answer(), [write_report(folder, out)])})


def report_of_finished(folder: Path, shown: Console) -> Path | None:
    """The page of what was just finished; where it can't be drawn, a sentence, since the numbers are safe already."""
    from headstart.data.say import untold

    try:
        with untold():  # what there is to say of the data was said when it was loaded to train on
            return write_report(folder)
    except Exception as error:
        again = f"headstart report {shlex.quote(str(folder))}"
        words = f"the report page was not written ({type(error).__name__}: {error}); all else is. Try again: {again}"
        shown.print(words, style="yellow", markup=False, highlight=False, soft_wrap=True)
        return None


def write_report(folder: Path, out: Path | None = None) -> Path:
    """Write the page of a run or a comparison and return its path.

    Raises :class:`~headstart.errors.HeadstartError` when the folder holds neither.
    """
    from headstart.reporting.page import write_page
    from headstart.training.inspection import load_run
    from headstart.training.report_data import facts_of_run, folders, read_results, title_of, told_of

    results = read_results(folder)
    places = folders(folder, results)
    chosen = told_of(results, OPENED)
    notes: list[str] = []
    facts: dict[str, str] = {}
    if len(chosen) < len(places):
        notes.append(f"{len(places) - len(chosen)} of {len(places)} arms are told of by their numbers alone.")
    arms: list[Arm] = []
    for name in chosen:
        try:
            run = load_run(places[name])
        except HeadstartError as error:
            notes.append(f"{name} was not opened: {error}")
            continue
        facts = facts or facts_of_run(run)
        arms.append(_looked_at(name, run, places[name], results, sum(arm.attention is not None for arm in arms)))
    place = out or Path(folder) / "report.html"
    return write_page(results, arms, place, title=title_of(results), facts=facts, notes=notes)


def _looked_at(name: str, run: Run, place: Path, results: dict[str, Any], explored: int) -> Arm:
    """What the page tells of one run, from its weights."""
    from headstart.reporting.page import Arm
    from headstart.training.report_data import predicted

    row = next(arm for arm in results["arms"] if arm["name"] == name)["runs"][0]
    validation = predicted(run, run.dataset.val, SAMPLED)
    scored = predicted(run, run.dataset.test, SCORED) if run.finished else validation
    kind = "test" if run.finished else "validation"
    notes: list[str] = []
    if explored >= EXPLORED:
        notes.append(f"Its attention is not on this page, which has room for {EXPLORED} arms.")
    attention = None if notes else _attention(run, place, row, min(EXPLORED, len(results["arms"])), notes)
    return Arm(
        name,
        row["seed"],
        run.dataset.classes,
        (scored.labels, scored.shares.argmax(dim=1)),
        f"{len(scored.labels):,} {kind} images, seed {row['seed']}",
        (validation.labels, validation.shares, validation.split.images.cpu()),
        "validation images",
        attention,
        notes,
    )


def _attention(run: Run, place: Path, row: dict[str, Any], sharing: int, notes: list[str]) -> dict[str, Any] | None:
    """The explorer's data, or None with a sentence in ``notes``; the page's room is for ``sharing`` arms."""
    from headstart.reporting.page import Seen, explore
    from headstart.reporting.page.plan import BUDGET, IMAGES
    from headstart.training.build import sampled
    from headstart.training.moments import moments
    from headstart.training.watching import starting_heads

    start = starting_heads(place)
    if not start:
        notes.append(f"There is no explorer: {type(run.model).__name__} has no attention heads that can be seen.")
        return None
    split = sampled(run.dataset.val, IMAGES, run.recipe.split_seed)
    names = [run.dataset.classes[label] for label in split.labels.tolist()]
    seen = Seen(run.normalize(split.images), run.dataset.arrange(split.images), names)
    measured = run.normalize(run.pictures(MEASURED))
    passes = row["history"][-1]["pass"] if row.get("history") else run.recipe.passes
    try:
        return explore(
            moments(place, run, passes, notes), seen, measured, start, row.get("locality", []), BUDGET // sharing
        )
    except HeadstartError as error:
        notes.append(f"There is no explorer: {error}")
        return None
