"""From the folders of finished runs to one result file with everything needed to trust it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.initialization import resolve
from headstart.leading import leading
from headstart.training.exported import without_places
from headstart.training.files import write_json
from headstart.training.provenance import command, commit, commits, hardware, versions
from headstart.training.recipe import config_hash
from headstart.training.run_folder import read_json
from headstart.training.statistics import mean_and_sd, paired_difference
from headstart.training.watching import read_watched

if TYPE_CHECKING:
    from headstart.training.arms import Matrix
    from headstart.training.comparison import Plan, Run

__all__ = ["gather", "made_with", "note_machine"]

PROTOCOL = (
    "Accuracies are of the test set, used once, after the last pass; choices are made on the validation "
    "split, carved from the training set. Arms at equal seed see the same images in the same order with the "
    "same augmentation, and start from the same random weights. Differences are paired by seed."
)


def gather(plan: Plan) -> dict[str, Any]:
    """Read the finished runs of ``plan``; write and return ``results.json``: see :func:`~headstart.training.compare`.

    Hardware, versions and commit are those noted in the run folders; this process's where a folder has no note.
    """
    rows = [_arm(arm, [run for run in plan.runs if run.arm == arm]) for arm in plan.arms]
    first = [run["test"] for run in rows[0]["runs"]]
    for row in rows[1:]:
        row["difference"], row["interval"] = paired_difference([run["test"] for run in row["runs"]], first)
    if plan.matrix is not None:
        _interactions(plan.matrix, {row["name"]: row for row in rows})
    machines = [_noted(run.folder) for run in plan.runs]
    if any(machine["hardware"] != machines[0]["hardware"] for machine in machines):
        for run, machine in zip(plan.runs, machines, strict=True):
            row = rows[plan.arms.index(run.arm)]["runs"][plan.seeds.index(run.recipe.seed)]
            row["hardware"] = machine["hardware"]
    config = {key: value for key, value in without_places(plan.recipe).items() if key in plan.config}
    results = {
        "protocol": PROTOCOL,
        "command": command(plan.recipe, plan.matrix or plan.arms, plan.seeds),
        "config": config,
        "config_hash": config_hash(config),
        **made_with([run.folder for run in plan.runs]),
        "date": datetime.now(timezone.utc).date().isoformat(),
        **({"matrix": {"init": plan.matrix.inits, "with": plan.matrix.choices}} if plan.matrix else {}),
        "arms": rows,
    }
    if leading():
        write_json(plan.out / "results.json", results)
    return json.loads(json.dumps(results))


def note_machine(folder: Path) -> None:
    """Write into a run folder the hardware, versions and commit of this process, as ``machine.json``.

    A run that began at another commit, and was cut, names both.
    """
    made = _machine()
    path = folder / "config.json"
    began = read_json(path).get("commit") if path.exists() else None
    write_json(folder / "machine.json", {**made, "commit": commits([began or made["commit"], made["commit"]])})


def made_with(folders: Iterable[Path]) -> dict[str, Any]:
    """Hardware, versions and commit that the runs in ``folders`` were made with, all different values with commas.

    This process's for a folder without a note.
    """
    machines = [_noted(folder) for folder in folders]
    return {**_together(machines), "commit": commits(machine["commit"] for machine in machines)}


def _noted(folder: Path) -> dict[str, Any]:
    path = folder / "machine.json"
    found: dict[str, Any] = read_json(path) if path.exists() else _machine()
    return found


def _arm(name: str, made: list[Run]) -> dict[str, Any]:
    """One arm's part of the result file, read from the folders of its runs."""
    runs = []
    for run in made:
        result, start = read_json(run.folder / "result.json"), read_json(run.folder / "init.json")
        lines = (run.folder / "history.jsonl").read_text().splitlines()
        runs.append(
            {
                "seed": run.recipe.seed,
                "val": result["val_accuracy"],
                "test": result["test_accuracy"],
                "seconds": result["seconds"],
                "images_per_second": result["images_per_second"],
                "parameters": result["parameters"],
                "flops": result.get("flops"),  # earlier versions did not count them
                "history": [json.loads(line) for line in lines],
                "init": _per_block(start["on_images"]["heads"] if start["on_images"] else []),
                "notes": start["notes"],
                # What each method adds, and what it computes beside the model while it trains, in words.
                **({"costs": result["costs"]} if "costs" in result else {}),
                **_watched(run),
            }
        )
    mean, sd = mean_and_sd([run["test"] for run in runs])
    return {
        "name": name,
        "scheme": resolve(made[0].recipe.init).spec,
        "runs": runs,
        "mean": mean,
        "sd": sd,
        "n": len(runs),
        "difference": None,
        "interval": None,
    }


def _watched(run: Run) -> dict[str, Any]:
    """How local the heads were after each pass, where they were watched."""
    rows = read_watched(run.folder)
    return {"locality": rows} if rows else {}


def _interactions(matrix: Matrix, rows: dict[str, dict[str, Any]]) -> None:
    """Into each row, seed by seed, the gain of its methods over its initialization alone, (i+m) − (i), and that beyond
    the sum of the single gains, (i+m) − (i) − (m) + (neither).
    """
    tests = {name: [run["test"] for run in row["runs"]] for name, row in rows.items()}
    for name, row in rows.items():
        corners = matrix.corners(name)
        row["gain"], row["gain_interval"] = None, None
        row["interaction"], row["interaction_interval"] = None, None
        alone = matrix.alone(name)
        if alone is not None:
            row["gain"], row["gain_interval"] = paired_difference(tests[name], tests[alone])
        if corners is not None:
            init, methods, neither = (tests[corner] for corner in corners)
            sums = [i + m - n for i, m, n in zip(init, methods, neither, strict=True)]
            row["interaction"], row["interaction_interval"] = paired_difference(tests[name], sums)


def _per_block(heads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over the heads of each block, on validation images before training."""
    blocks: dict[int, list[dict[str, Any]]] = {}
    for head in heads:
        blocks.setdefault(head["block"], []).append(head)
    return [
        {
            "block": block,
            "target_mass": mean_and_sd([head["target_mass"] for head in members])[0],
            "entropy": mean_and_sd([head["entropy"] for head in members])[0],
        }
        for block, members in sorted(blocks.items())
    ]


def _machine() -> dict[str, Any]:
    return {"versions": versions(), "hardware": hardware(), "commit": commit()}


def _together(values: list[Any]) -> Any:
    """The value if all are the same, else all different ones with commas between; dictionaries key by key."""
    if isinstance(values[0], dict):
        return {key: _together([value[key] for value in values]) for key in values[0]}
    different = list(dict.fromkeys(values))
    return different[0] if len(different) == 1 else ", ".join(str(value or "none") for value in different)
