"""A comparison trained many runs at a time: as one batched program on one device, which small models leave idle."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from headstart.errors import HeadstartError
from headstart.training.comparison import Plan, Run, train_run
from headstart.training.gathering import note_machine
from headstart.training.kept import newest_pass
from headstart.training.locking import locked
from headstart.training.provenance import commit
from headstart.training.run_folder import check, claim, read_json
from headstart.training.together_engine import train_together

__all__ = ["Together"]


class Together:
    """A ``runner`` for :func:`~headstart.training.compare` that trains up to ``most`` runs at once.

    Every run has its own data order, augmentation, stochastic depth and random weights, those that it would have by
    itself, and ends within float noise of where it would. Runs that train together have one checkpoint, in a folder
    ``together-…`` of the comparison, so a cut leaves all at the same step; it is gone when they are finished. Runs that
    were begun together go on together, those begun by themselves go on by themselves, and the others are taken
    ``most`` at a time.

    Args:
        most: runs at once, 2 or more.

    Raises :class:`~headstart.errors.HeadstartError`, when called, as :func:`~headstart.training.train` does, and for a
    recipe with ``step_back``, several processes, and more runs than fit in memory (with the number that does).
    """

    def __init__(self, most: int) -> None:
        if most < 2:
            raise HeadstartError(
                f"expected 2 or more runs at once, got {most}; leave --together out to train one by one."
            )
        self.most = most

    def __call__(self, plan: Plan) -> None:
        """Train what is not finished yet."""
        if plan.track:
            raise HeadstartError("trackers show one run at a time; leave --track or --together out.")
        if plan.watch:
            raise HeadstartError("heads are watched in one run at a time; leave --watch or --together out.")
        claim(plan.out, plan.config)
        for run in plan.runs:
            if not run.finished and run.folder.is_dir() and newest_pass(run.folder) is not None:
                train_run(run, dataset=plan.dataset, console=plan.console, save_every=plan.save_every)
        for group in self.groups(plan):
            self._train(plan, group)

    def groups(self, plan: Plan) -> list[list[Run]]:
        """Which runs of ``plan`` are to train together: those that have begun so, then the others as they come."""
        runs = {_name(plan, run): run for run in plan.runs}
        begun = [read_json(path)["config"]["runs"] for path in sorted(plan.out.glob("together-*/config.json"))]
        groups = [[runs[name] for name in names] for names in begun if all(name in runs for name in names)]
        taken = {_name(plan, run) for group in groups for run in group}
        rest: dict[tuple[str, ...], list[Run]] = {}  # only models of one architecture can train together
        for name, run in runs.items():
            if name not in taken and not run.finished:
                rest.setdefault((run.recipe.model, *run.recipe.methods), []).append(run)
        alike = rest.values()
        return groups + [some[first : first + self.most] for some in alike for first in range(0, len(some), self.most)]

    def _train(self, plan: Plan, group: Sequence[Run]) -> None:
        if len(group) == 1:
            train_run(group[0], dataset=plan.dataset, console=plan.console, save_every=plan.save_every)
            return
        names = [_name(plan, run) for run in group]
        folder = plan.out / f"together-{hashlib.sha256(json.dumps(names).encode()).hexdigest()[:12]}"
        with ExitStack() as stack:
            for run in group:
                stack.enter_context(locked(run.folder))
            stack.enter_context(locked(folder))
            config = {**plan.config, "runs": names}
            commit()  # now: by the end of the runs it may be another
            check(folder, config)
            train_together(
                [(run.recipe, run.folder, run.started) for run in group],
                plan.dataset,
                folder,
                config,
                console=plan.console,
                save_every=plan.save_every,
            )
            for run in group:
                note_machine(run.folder)
        shutil.rmtree(folder)


def _name(plan: Plan, run: Run) -> str:
    return Path(run.folder).relative_to(plan.out).as_posix()
