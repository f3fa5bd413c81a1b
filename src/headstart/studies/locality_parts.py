"""The parts of the study ``locality``: each trained once, written down, and read from then on."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from headstart.data.spatial import SpatialTask, scattered_sets, spatial_task
from headstart.errors import HeadstartError
from headstart.models.positional import PositionalAttention
from headstart.studies.simulation import error, fit
from headstart.training.files import write_json
from headstart.training.seeds import generator

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["LEARNERS", "STARTS", "TASKS", "Parts"]

# Patches, patches in a set, dimension, and the share of other patches that vote.
TASKS: dict[str, tuple[int, int, int, float]] = {
    "ten patches in pairs": (10, 2, 100, math.log(100) / 10),  # the paper's simulation
    "ten in pairs, half the votes": (10, 2, 100, math.log(100) / 20),  # as a re-implementation of its code has them
    "sixteen patches in fours": (16, 4, 64, 0.5),  # sets so large that hardly a sample is undecidable
}
LEARNERS = ("trained", "left as it began", "published schedule")
STARTS = ("kept", "kept and trained on", "from scratch", "left as it began", "of other sets")

FIRST = ("samples", "test", "steps", "batch_size", "lr")  # the settings that the first task depends on


@dataclass(frozen=True)
class Parts:
    """What has been trained of a study in ``folder``, with ``chosen`` settings; what is missing is trained when asked.

    Raises :class:`~headstart.errors.HeadstartError` when the folder holds parts of other settings.
    """

    folder: Path
    chosen: dict[str, Any]
    console: Console

    def learned(self, name: str, learner: str, seed: int) -> dict[str, Any]:
        """A learner of the task ``name``: rows of its training, its scores and attention, and the best possible error.

        ``published schedule`` is 300 steps of 0.1 on all samples at once; the others take small batches.
        """

        def make() -> dict[str, Any]:
            task = _task(name, seed)
            train, test = (
                task.sample(self.chosen[key], generator(seed, f"{key} of {name}")) for key in ("samples", "test")
            )
            model = _fresh(task, seed)
            published = learner == "published schedule"
            rows = fit(
                model,
                task,
                train,
                test,
                steps=min(300, self.chosen["steps"]) if published else self.chosen["steps"],
                batch_size=self.chosen["samples"] if published else self.chosen["batch_size"],
                lr=0.1 if published else self.chosen["lr"],
                positions=learner != "left as it began",
            )
            return {
                "seed": seed,
                "best_error": task.best_error(test),
                "sets": task.sets.tolist(),
                "rows": rows,
                "scores": model.scores.tolist(),
                "attention": model.attention.tolist(),
            }

        return self._read_or_make([name, learner, seed], FIRST, make)

    def transferred(self, start: str, count: int, seed: int) -> dict[str, Any]:
        """The error on a second task of the same sets from ``count`` samples of it; positions come from ``start``."""

        def make() -> dict[str, Any]:
            name = self.chosen["transfer"]
            task = _task(name, seed).with_feature(generator(seed, "second feature"))
            model = _fresh(task, seed)
            if start.startswith("kept"):
                _put(model, self.learned(name, "trained", seed)["scores"])
            elif start == "of other sets":
                _put(model, self._of_other_sets(name, seed)["scores"])
            model.forget(generator(seed, "second start"))
            train = task.sample(count, generator(seed, "second samples", count))
            test = task.sample(self.chosen["test"], generator(seed, "second test"))
            trained = start in ("kept and trained on", "from scratch")
            steps, lr = self.chosen["transfer_steps"], self.chosen["lr"]
            fit(model, task, train, test, steps=steps, batch_size=count, lr=lr, positions=trained, looks=1)
            return {"seed": seed, "error": error(model, test), "best_error": task.best_error(test)}

        return self._read_or_make(["transfer", start, count, seed], (*FIRST, "transfer", "transfer_steps"), make)

    def _of_other_sets(self, name: str, seed: int) -> dict[str, Any]:
        """Positions learned as well, but of a task that parts the patches into other sets."""

        def make() -> dict[str, Any]:
            task = _task(name, seed)
            task = task.with_sets(scattered_sets(task.patches, task.size, generator(seed, "other sets")))
            train, test = (
                task.sample(self.chosen[key], generator(seed, f"other {key}")) for key in ("samples", "test")
            )
            model = _fresh(task, seed)
            steps, size, lr = self.chosen["steps"], self.chosen["batch_size"], self.chosen["lr"]
            fit(model, task, train, test, steps=steps, batch_size=size, lr=lr, looks=1)
            return {"scores": model.scores.tolist()}

        return self._read_or_make(["other sets", name, seed], FIRST, make)

    def _read_or_make(
        self, key: list[Any], keys: tuple[str, ...], make: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """The part in the file ``key``, made where there is none; it depends on the settings ``keys``."""
        path = self.folder / ("-".join(map(str, key)).replace(" ", "_") + ".json")
        settings = {name: self.chosen[name] for name in keys}
        if not path.exists():
            self.console.print(" · ".join(map(str, key)), style="dim", markup=False, highlight=False)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, {"settings": settings, "part": make()})
        found = json.loads(path.read_text())
        if found["settings"] != settings:
            differ = ", ".join(key for key in settings if found["settings"].get(key) != settings[key])
            raise HeadstartError(f"{self.folder} holds parts with other settings ({differ}); choose another --out.")
        part: dict[str, Any] = found["part"]
        return part


def _task(name: str, seed: int) -> SpatialTask:
    patches, size, dimension, rate = TASKS[name]
    made = spatial_task(generator(seed, f"task {name}"), patches=patches, size=size, dimension=dimension)
    return SpatialTask(made.sets, made.feature, rate, made.noise)


def _fresh(task: SpatialTask, seed: int) -> PositionalAttention:
    return PositionalAttention(task.patches, len(task.feature), generator(seed, "positional attention"))


def _put(model: PositionalAttention, scores: list[list[float]]) -> None:
    with torch.no_grad():
        model.between.copy_(torch.tensor(scores))
