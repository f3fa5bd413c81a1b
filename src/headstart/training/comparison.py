"""Arms × seeds, with the same data order at equal seed: planned, run by whoever runs them, gathered."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.errors import HeadstartError
from headstart.leading import leading
from headstart.training.arms import Matrix, of_arm
from headstart.training.build import build_dataset
from headstart.training.engine import train
from headstart.training.gathering import gather, note_machine
from headstart.training.provenance import commit
from headstart.training.recipe import Recipe
from headstart.training.run_folder import check, claim
from headstart.training.start import has_heads
from headstart.training.tracking import check_trackers
from headstart.training.trainee import build_trainee

if TYPE_CHECKING:
    from rich.console import Console

    from headstart.data import Dataset
    from headstart.initialization import InitReport

__all__ = ["Plan", "Run", "Runner", "arm_folder", "compare", "folder_of", "one_after_another", "plan", "train_run"]


@dataclass(frozen=True)
class Run:
    """One arm and seed of a comparison; ``on_start`` gets what the heads look at before the first step."""

    arm: str
    recipe: Recipe
    folder: Path
    on_start: Callable[[InitReport], object] | None = None

    @property
    def finished(self) -> bool:
        """Whether the numbers of this run are there."""
        # A listing is fresh even on a network file system, where exists() may be a minute late.
        return self.folder.is_dir() and "result.json" in os.listdir(self.folder)

    def __str__(self) -> str:
        return f"{self.arm} seed {self.recipe.seed}"

    def started(self, report: InitReport) -> None:
        """Hand the report to whoever asked for it."""
        if self.on_start is not None:
            self.on_start(report)


@dataclass(frozen=True)
class Plan:
    """A comparison that was checked and can be run: ``runs`` in the order in which they should begin.

    ``config`` is what all runs have in common and the folder ``out`` belongs to; ``dataset`` is the loaded data.
    """

    recipe: Recipe
    arms: list[str]
    seeds: list[int]
    out: Path
    config: dict[str, Any]
    dataset: Dataset
    runs: list[Run]
    console: Console | None
    save_every: float
    track: tuple[str, ...] = ()
    watch: bool = False
    matrix: Matrix | None = None


Runner = Callable[[Plan], object]  # afterwards the runs are finished, each in its folder


def compare(
    recipe: Recipe,
    arms: Sequence[str] | Matrix,
    seeds: Sequence[int],
    out: str | Path,
    *,
    console: Console | None = None,
    on_start: Callable[[str, InitReport], object] | None = None,
    save_every: float = 60.0,
    runner: Runner | None = None,
    track: Sequence[str] = (),
    watch: bool = False,
) -> dict[str, Any]:
    """Train ``recipe`` as every arm has it with every seed; write and return ``results.json``.

    An arm is an initialization, perhaps of another model and with methods: ``impulse``, ``default@edgevit_xxs``,
    ``impulse:sharpness=0.8+drloc``; a
    :class:`~headstart.training.arms.Matrix` is every initialization with every choice of methods.

    Runs lie in ``out/ARM/seed-N``; finished ones are not repeated, so a comparison can be cut and continued,
    or given more arms and seeds later. ``on_start`` receives the arm's name and what its heads look at before
    the first step, for its first seed. ``save_every``, ``track`` and ``watch`` are those of
    :func:`~headstart.training.train`.

    ``runner`` takes the :class:`Plan` and sees to it that its runs are made: :func:`one_after_another` in this
    process unless given, or :class:`~headstart.training.cluster.Cluster`, which calls ``on_start`` in the jobs.

    For each arm: ``mean`` and ``sd`` (n − 1) of the test accuracy over ``n`` seeds, and ``difference`` to the
    first arm with its 95 % ``interval`` (Student t over the paired differences; None for the first arm or a
    single seed). In a matrix, ``gain`` is the difference to the arm's initialization alone, and ``interaction`` the
    gain beyond the sum of the single gains, with their intervals. ``hardware``, ``versions`` and ``commit`` are those
    that the runs were made with. Where they differ, every value is there, separated by commas, and each run says its
    own ``hardware``.

    Raises :class:`~headstart.errors.HeadstartError` before anything is written when an arm, the recipe or the
    folder does not fit.
    """
    options = {"console": console, "on_start": on_start, "save_every": save_every, "track": track, "watch": watch}
    chosen = plan(recipe, arms, seeds, out, **options)  # type: ignore[arg-type]
    (runner or one_after_another)(chosen)
    return gather(chosen)


def plan(
    recipe: Recipe,
    arms: Sequence[str] | Matrix,
    seeds: Sequence[int],
    out: str | Path,
    *,
    console: Console | None = None,
    on_start: Callable[[str, InitReport], object] | None = None,
    save_every: float = 60.0,
    track: Sequence[str] = (),
    watch: bool = False,
) -> Plan:
    """Everything that can be wrong with a comparison, found before anything is written: see :func:`compare`."""
    matrix = arms if isinstance(arms, Matrix) else None
    out, arms, seeds = Path(out), list(arms.arms if isinstance(arms, Matrix) else arms), list(seeds)
    for kind, values in (("arm", arms), ("seed", seeds)):
        if not values or len(set(values)) < len(values):
            raise HeadstartError(f"expected one or more different {kind}s, got {values}.")
    chosen = {arm: of_arm(recipe, arm) for arm in arms}
    check_trackers(track)
    dataset = build_dataset(recipe)
    for one in {(one.methods, one.model): one for one in chosen.values()}.values():
        trainee = build_trainee(one, dataset)
        for other in chosen.values():
            if (other.methods, other.model) == (one.methods, one.model):
                has_heads(trainee.model, other)
    # init, seed and an arm's methods are what a comparison varies; the rest is its config.
    config = {key: value for key, value in recipe.portable().items() if key not in ("init", "seed")}
    check(out, config)
    # Seeds outside, arms inside: cut early, a comparison has as many runs of one arm as of another.
    runs = [
        Run(
            arm,
            chosen[arm].model_copy(update={"seed": seed}),
            folder_of(out, arm, seed),
            partial(on_start, arm) if on_start is not None and seed == seeds[0] else None,
        )
        for seed in seeds
        for arm in arms
    ]
    return Plan(recipe, arms, seeds, out, config, dataset, runs, console, save_every, tuple(track), watch, matrix)


def one_after_another(plan: Plan) -> None:
    """Train the runs of ``plan`` in this process."""

    def started(run: Run, report: InitReport) -> None:
        claim(plan.out, plan.config)  # only now: a scheme that does not fit leaves nothing behind
        run.started(report)

    for run in plan.runs:
        began = replace(run, on_start=partial(started, run))
        train_run(
            began,
            dataset=plan.dataset,
            console=plan.console,
            save_every=plan.save_every,
            track=plan.track,
            watch=plan.watch,
        )
    if leading():
        claim(plan.out, plan.config)


def train_run(run: Run, **options: Any) -> dict[str, Any]:
    """Train ``run`` with the ``options`` of :func:`~headstart.training.train`, and note what it was made with.

    A finished one is only checked. Returns its ``result.json``.
    """
    finished = run.finished
    commit()  # now: by the end of the run it may be another
    result = train(run.recipe, run.folder, on_start=run.on_start, **options)
    if not finished and leading():
        note_machine(run.folder)
    return result


def folder_of(out: Path, arm: str, seed: int) -> Path:
    """Where a comparison in ``out`` has the run of this arm and seed."""
    return out / arm_folder(arm) / f"seed-{seed}"


def arm_folder(arm: str) -> str:
    """A folder name for a scheme's spec, safe on every system and different for different specs.

    >>> arm_folder("impulse:solver=decoder:sharpness=0.5")
    'impulse,solver=decoder,sharpness=0.5'
    """
    name = arm.replace(":", ",")
    safe = re.sub(r"[^A-Za-z0-9._=,+-]", "_", name)[:80].rstrip(".")
    # Where characters were lost two specs could meet in one folder; the hash keeps them apart.
    return safe if safe == name and "," not in arm else f"{safe}-{hashlib.sha256(arm.encode()).hexdigest()[:6]}"
