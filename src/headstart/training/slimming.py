"""Slim a finished run: students with fewer tokens, each a run of its own, and rivals of equal measured speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headstart.training.comparison import Run, train_run
from headstart.training.equal_speed import as_fast_as
from headstart.training.files import write_json
from headstart.training.run_folder import claim, read_json
from headstart.training.slim_plan import ARMS, STUDENT, Slimming

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["slim"]


def slim(plan: Slimming, *, console: Console | None = None, save_every: float = 60.0) -> dict[str, list[Run]]:
    """Train the students of ``plan``; the finished runs of each arm, in the order of the seeds.

    Runs lie in ``out/ARM/seed-N``. Finished ones are not repeated, cut ones go on, and the tokens of rivals are
    measured once, ``equal-speed.json``; so the same folder can be given more arms and seeds later.
    """
    claim(plan.out, plan.config)
    shares = {arm: _shares(plan, arm, console) for arm in plan.arms}
    # Seeds outside, arms inside: cut early, there are as many runs of one arm as of another.
    runs = [plan.run_of(arm, shares[arm], seed) for seed in plan.seeds for arm in plan.arms]
    for run in runs:
        train_run(run, dataset=plan.teacher.dataset, console=console, save_every=save_every)
    return {arm: [run for run in runs if run.arm == arm] for arm in plan.arms}


def _shares(plan: Slimming, arm: str, console: Console | None) -> list[float]:
    """The arm's shares: the student's, or for another reducer those that make it as fast."""
    if "how" not in ARMS.get(arm, {}):
        return plan.keep
    path = plan.out / "equal-speed.json"
    found: dict[str, list[float]] = read_json(path) if path.exists() else {}
    if arm not in found:
        if console is not None:
            console.print(f"measuring how many tokens make {arm} as fast as {STUDENT} …", highlight=False)
        found[arm] = as_fast_as(
            plan.slimmed(STUDENT, plan.keep),
            lambda shares: plan.slimmed(arm, shares),
            plan.keep,
            plan.patches,
            plan.teacher.dataset.train.image_shape,
            plan.batch_size,
        )
        write_json(path, found)
    return found[arm]
