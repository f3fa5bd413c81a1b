"""Which start is best, on which data? The published ones, their controls and ours, with equal passes for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from headstart.reporting.percent import percent, points
from headstart.studies.asking import ask
from headstart.studies.starts_columns import SIZES, columns
from headstart.studies.starts_gains import draw_gains
from headstart.studies.starts_picture import draw_starts
from headstart.studies.study import Request, Study, register, shown
from headstart.training.files import write_json

__all__ = ["run", "tables"]


def run(request: Request) -> dict[str, Any]:
    """Train every start on every column; write ``NAME.json`` for each column, ``results.json`` and two pictures.

    ``results.json`` has two tables: ``rows``, test accuracies, and ``differences`` to the last start. ``gains.png``
    shows what each start is ahead of the first one, ``starts.png`` how each learns.

    Settings: ``size`` (small or full), ``columns`` (names; all of the size unless given), ``starts``
    (initializations; differences are taken to the last), ``jobs`` (runs at once), ``fashion`` and ``photos`` (the
    datasets of the columns of that name), and ``dataset`` (of the others), ``width``, ``depth``, ``heads``,
    ``patch_size``, ``batch_size``, ``lr``, ``augment``, ``crop``, ``flip``, ``compile``, ``val_fraction``.

    Raises :class:`~headstart.errors.HeadstartError` for unknown columns, starts and settings.
    """
    size, chosen = request.sized(SIZES)
    starts = chosen["starts"]
    every = columns(size, starts, chosen["dataset"], chosen["fashion"], chosen["photos"])
    results = ask(request, "starts", "columns", size, chosen, every)
    results["rows"], results["differences"] = tables(results["answers"], starts)
    write_json(request.out / "results.json", results)
    request.show(Text("Test accuracy, %"))
    request.show(shown(results["rows"]))
    draw_starts(results, request.out / "starts.png")
    draw_gains(results, request.out / "gains.png")
    return results


def tables(answers: Sequence[dict[str, Any]], starts: Sequence[str]) -> tuple[list[dict[str, Any]], ...]:
    """A row for each start, a cell for each column: accuracies, and what the start is ahead of the last one."""
    accuracies, differences = [], []
    for place, start in enumerate(starts):
        arms = {
            f"{answer['question'].partition(':')[0]}, n = {answer['arms'][place]['n']}": answer["arms"][place]
            for answer in answers
        }
        accuracies.append({"start": f"`{start}`", **{k: percent(arm["mean"], arm["sd"]) for k, arm in arms.items()}})
        gaps = {key: points(arm["difference"], arm["interval"]) for key, arm in arms.items()}
        differences.append({"start": f"`{start}`", **gaps})
    return accuracies, differences[:-1]


STUDY = register(
    Study(
        "starts",
        "Which start is best, on which data?",
        "three hours of one CPU thread, a column at a time; size=full for a GPU",
        run,
    )
)
