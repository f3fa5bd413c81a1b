"""Finished work opened again to be evaluated: run folders, and comparisons by one run of each arm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headstart.errors import HeadstartError
from headstart.training.comparison import folder_of
from headstart.training.inspection import Run, load_run
from headstart.training.run_folder import read_json

__all__ = ["Opened", "open_runs"]


@dataclass(frozen=True)
class Opened:
    """A run to evaluate.

    Args:
        name: short, and no other's among those opened together.
        run: model and data.
        recorded: the run's own ``result.json``; empty for one that is not finished.
        mean: test accuracy over the seeds of its arm, or the run's own.
        sd: sample standard deviation over the seeds; None with one.
        n: seeds.
    """

    name: str
    run: Run
    recorded: dict[str, Any]
    mean: float | None
    sd: float | None = None
    n: int = 1


def open_runs(folders: Sequence[str | Path]) -> list[Opened]:
    """The runs in ``folders``: those of ``headstart train``, and of a comparison the first seed of every arm.

    Raises :class:`~headstart.errors.HeadstartError` for no folder, one that holds no run, and one named twice.
    """
    if not folders:
        raise HeadstartError("expected at least one run folder, got none.")
    places = [Path(folder) for folder in folders]
    for place in places:
        if places.count(place) > 1:
            raise HeadstartError(f"{place} is named {places.count(place)} times; once is enough.")
    opened = [(place, one) for place in places for one in _open(place)]
    names = [one.name for _, one in opened]
    return [
        one if names.count(one.name) == 1 else replace(one, name=_told_apart(one.name, place, places))
        for place, one in opened
    ]


def _open(folder: Path) -> list[Opened]:
    if not (folder / "results.json").exists():
        run = load_run(folder)
        recorded = read_json(folder / "result.json") if (folder / "result.json").exists() else {}
        return [Opened(folder.resolve().name, run, recorded, recorded.get("test_accuracy"))]
    opened = []
    for arm in read_json(folder / "results.json")["arms"]:
        place = folder_of(folder, arm["name"], arm["runs"][0]["seed"])
        if not place.is_dir():
            raise HeadstartError(f"{folder} has results of {arm['name']}, but its run {place} is gone; run it again.")
        recorded = read_json(place / "result.json")
        opened.append(Opened(arm["name"], load_run(place), recorded, arm["mean"], arm["sd"], arm["n"]))
    return opened


def _told_apart(name: str, place: Path, places: list[Path]) -> str:
    """Runs of the same name are told apart by where they lie, which for a run folder ends in the name."""
    where = _apart(place, places)
    return where if where.endswith(f"/{name}") else f"{where}: {name}"


def _apart(place: Path, places: list[Path]) -> str:
    """As much of the end of ``place`` as no other of ``places`` ends in."""
    parts = place.resolve().parts
    others = [other.resolve().parts for other in places if other != place]
    for count in range(1, len(parts)):
        if all(other[-count:] != parts[-count:] for other in others):
            return "/".join(parts[-count:])
    return place.as_posix()
