"""Does attention that knows nothing of space learn which patches belong together, and is that worth something later?

The experiment of 2210.09221 on synthetic data: learn, with the attention left as it began as control; then a second
task of the same sets and another feature, from few samples.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from headstart.errors import HeadstartError
from headstart.reporting.locality import draw_learned, draw_transfer, learned_rows, transfer_rows
from headstart.studies.locality_parts import LEARNERS, STARTS, TASKS, Parts
from headstart.studies.study import Request, Study, provenance, register, shown
from headstart.training.files import write_json
from headstart.training.statistics import paired_difference

__all__ = ["run"]

SHOWN = ("task", "attention", "test error, %", "best possible, %", "association", "by chance")  # in a terminal
PROTOCOL = (
    "Errors are of a test sample of its own. The best possible error is that of the posterior, which knows sets, "
    "feature, rate and noise. Chance is the association of scores that know nothing. All arms of a seed have the same "
    "task, the same samples and the same random start."
)


def run(request: Request) -> dict[str, Any]:
    """Train positional attention on each task, then transfer it; two result files and two pictures.

    ``results.json`` and ``learned.png`` tell of learning, ``transfer.json`` and ``transfer.png`` of the second task.
    Settings: ``samples``, ``steps``, ``batch_size`` and ``lr`` of the first task, ``test`` samples of each;
    ``transfer``, which task is transferred; ``counts``, samples of the second task, and ``transfer_steps`` of descent
    on all of them.
    """
    names = tuple(TASKS)
    chosen = request.options(
        samples=2000 if request.quick else 50_000,
        test=200 if request.quick else 10_000,
        steps=40 if request.quick else 4000,
        batch_size=500,
        lr=0.5,
        transfer=names[1],
        counts=(5, 20) if request.quick else (3, 10, 30, 100, 300, 1000),
        transfer_steps=20 if request.quick else 1000,
    )
    if chosen["transfer"] not in TASKS:
        raise HeadstartError(f"transfer must be one of: {'; '.join(names)}; got {chosen['transfer']!r}.")
    if min(chosen["samples"], chosen["test"], chosen["steps"], chosen["transfer_steps"], *chosen["counts"]) < 1:
        raise HeadstartError("samples, test, steps, transfer_steps and counts must be 1 or more.")
    seeds, parts = request.each_seed, Parts(request.out / "parts", chosen, request.console)
    learned = [
        {"task": task, "learner": learner, "runs": [parts.learned(task, learner, seed) for seed in seeds]}
        for task in TASKS
        for learner in (LEARNERS if task == names[0] else LEARNERS[:2])  # the schedule belongs to the paper's task
    ]
    about = {
        "question": STUDY.question,
        "protocol": PROTOCOL,
        "command": request.command("locality"),
        "config": {**chosen, "tasks": {name: list(sizes) for name, sizes in TASKS.items()}},
        **provenance(),
        "date": datetime.now(timezone.utc).date().isoformat(),
        "seeds": seeds,
        "n": len(seeds),
    }
    results = {**about, "learned": learned}
    results["rows"] = learned_rows(results)
    write_json(request.out / "results.json", results)
    request.show(shown([{key: row[key] for key in SHOWN} for row in results["rows"]]))
    draw_learned(results, request.out / "learned.png")
    transfer = [
        {"start": start, "count": count, "runs": [parts.transferred(start, count, seed) for seed in seeds]}
        for start in STARTS
        for count in chosen["counts"]
    ]
    moved = {**about, "transfer": transfer}
    moved["rows"] = [*transfer_rows(moved), _gains(moved)]
    write_json(request.out / "transfer.json", moved)
    request.show(shown(moved["rows"]))
    draw_transfer(moved, request.out / "transfer.png")
    return results


def _gains(moved: dict[str, Any]) -> dict[str, Any]:
    """A row of what kept positions gain over learning from scratch, in points, paired by seed."""
    errors = {
        (part["start"], part["count"]): [100 * run["error"] for run in part["runs"]] for part in moved["transfer"]
    }
    row: dict[str, Any] = {"positions": "kept − from scratch [95 % interval]"}
    for count in moved["config"]["counts"]:
        mean, interval = paired_difference(errors["kept", count], errors["from scratch", count])
        told = [f"{value:+.1f}".replace("-", "−") for value in (mean, *(interval or ()))]
        row[f"{count} samples"] = told[0] if interval is None else f"{told[0]} [{told[1]}, {told[2]}]"
    return {**row, "n": moved["n"]}


STUDY = register(
    Study(
        "locality",
        "Does attention learn which patches belong together, and does that help with the next task?",
        "15 minutes on one CPU thread",
        run,
    )
)
