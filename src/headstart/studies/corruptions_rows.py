"""What corruption does to an arm and to those it is compared to: numbers of the result file, and cells of a table."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from headstart.evaluation.corruptions.tables import GROUPS
from headstart.reporting.percent import percent, points
from headstart.training.statistics import mean_and_sd, paired_difference

__all__ = ["MEASURES", "compared", "row_cells"]

Seed = dict[str, Any]  # a model's numbers, as CorruptionResult.to_dict gives them


def _quiet_error(one: Seed) -> float | None:
    """Mean error under all corruptions but noise, which some methods train on."""
    names = [name for name in one["accuracy"] if name not in GROUPS["noise"]]
    return mean_and_sd([1 - mean_and_sd(one["accuracy"][name])[0] for name in names])[0] if names else None


MEASURES: dict[str, Callable[[Seed], float | None]] = {
    "clean_same": lambda one: one["clean_accuracy"],  # of the images that are corrupted
    "error": lambda one: one["summary"]["corruption_error"],
    "error_without_noise": _quiet_error,
    "gap": lambda one: one["summary"]["gap"],
    "clean_ece": lambda one: one["clean_ece"],
    "corrupted_ece": lambda one: one["summary"]["corruption_ece"],
}


def compared(
    name: str, trained: dict[str, Any], summary: dict[str, Any], reference: str | None, plain: str | None
) -> dict[str, Any]:
    """An arm's numbers over seeds, and its differences to the arms ``reference`` and ``plain``, where there are such.

    Args:
        name: of the arm.
        trained: the arms of the comparison by name.
        summary: of :func:`~headstart.training.corruption_arms.corruption_arms`.
        reference: the initialization alone.
        plain: the plain augmentation over the same initialization.
    """
    seeds = {arm["name"]: arm["runs"] for arm in summary["arms"]}
    row: dict[str, Any] = {"name": name, "n": len(seeds[name]), "reference": reference, "plain": plain}
    for measure, read in MEASURES.items():
        row[measure] = _over(seeds, name, reference, plain, read)
    row["by_corruption"] = {
        corruption: _over(seeds, name, reference, plain, partial(_accuracy, corruption))
        for corruption in summary["corruptions"]
    }
    tests = {arm: [run["test"] for run in made["runs"]] for arm, made in trained.items()}
    row["clean"] = _cell(tests[name], tests.get(reference or ""), tests.get(plain or ""))
    runs = trained[name]["runs"]
    row["seconds"] = sum(run["seconds"] for run in runs) / len(runs)
    row["test"] = tests[name]  # of all test images
    row["runs"] = seeds[name]
    return row


def _accuracy(corruption: str, one: Seed) -> float:
    return mean_and_sd(one["accuracy"][corruption])[0]


def _over(
    seeds: dict[str, list[Seed]],
    name: str,
    reference: str | None,
    plain: str | None,
    read: Callable[[Seed], float | None],
) -> dict[str, Any] | None:
    def values(arm: str | None) -> list[float] | None:
        found = [value for one in seeds[arm] if (value := read(one)) is not None] if arm is not None else None
        return found or None

    own = values(name)
    return None if own is None else _cell(own, values(reference), values(plain))


def _cell(values: list[float], reference: list[float] | None, plain: list[float] | None) -> dict[str, Any]:
    mean, sd = mean_and_sd(values)
    cell: dict[str, Any] = {"mean": mean, "sd": sd}
    for key, others in (("over_reference", reference), ("over_plain", plain)):
        difference, interval = (None, None) if others is None else paired_difference(values, others)
        cell[key], cell[f"{key}_interval"] = difference, interval
    return cell


def row_cells(row: dict[str, Any]) -> dict[str, str]:
    """A row of the table: percent, and points of percent for differences."""
    return {
        "arm": f"`{row['name']}`",
        "n": str(row["n"]),
        "clean accuracy, %": _percent(row["clean"]),
        "over the initialization alone": _points(row["clean"], "over_reference"),
        "mean corruption error, %": _percent(row["error"]),
        "error over the initialization alone": _points(row["error"], "over_reference"),
        "error over plain noise": _points(row["error"], "over_plain"),
        "noise corruptions left out: error over the initialization alone": _points(
            row["error_without_noise"], "over_reference"
        ),
        "ECE clean, %": _percent(row["clean_ece"]),
        "ECE corrupted, %": _percent(row["corrupted_ece"]),
        "s a run": f"{row['seconds']:.0f}",
    }


def _percent(cell: dict[str, Any] | None) -> str:
    return "–" if cell is None else percent(cell["mean"], cell["sd"])


def _points(cell: dict[str, Any] | None, key: str) -> str:
    return "–" if cell is None else points(cell[key], cell[f"{key}_interval"])
