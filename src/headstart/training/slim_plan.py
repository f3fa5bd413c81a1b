"""What slimming a finished run is going to train: checked before anything is written."""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from headstart.errors import HeadstartError, unknown
from headstart.methods import resolve_methods
from headstart.methods.slim import write_path
from headstart.models.slimming import slim_vit
from headstart.specs import write_value
from headstart.training.comparison import Run
from headstart.training.inspection import load_run
from headstart.training.recipe import Recipe
from headstart.training.run_folder import check
from headstart.training.trainee import build_trainee

if TYPE_CHECKING:
    from headstart.training.inspection import Run as Opened

__all__ = ["ARMS", "LOWER", "STUDENT", "Slimming", "plan_slimming"]

STUDENT = "slim"
# What an arm changes of the student, which merges its tokens and learns by the whole loss. The first three have other
# reducers, and are given as many tokens as make them equally fast; the rest are as fast by themselves.
ARMS: dict[str, dict[str, str]] = {
    "random": {"how": "random"},
    "topk": {"how": "topk"},
    "pool": {"how": "pool"},
    "logits": {"distill": "logits"},
    "labels": {"distill": "none"},
    "scratch": {"distill": "none", "start": "scratch"},
}
# Of the teacher's learning rate. Digits, keep=0.5/0.25, one seed on validation, for 0.25 / 0.5 / 1: 93.1 / 95.8 / 89.6
# % after 5 of 10 passes, 96.5 / 96.5 / 94.4 % at the end.
LOWER = 0.5


@dataclass(frozen=True)
class Slimming:
    """Students that were checked and can be trained.

    Args:
        run: the teacher's folder.
        teacher: the teacher, opened; its model lies where it is timed.
        recipe: of all students, but for the method that is theirs.
        keep: the student's shares.
        places: how many blocks come before each place.
        distill: the student's.
        arms: the student's name first.
        seeds: of each arm.
        out: the students' folder.
        config: what the folder belongs to.
        batch_size: of timed passes.
    """

    run: Path
    teacher: Opened
    recipe: Recipe
    keep: list[float]
    places: list[int]
    distill: str
    arms: list[str]
    seeds: list[int]
    out: Path
    config: dict[str, Any]
    batch_size: int

    @property
    def patches(self) -> int:
        """Tokens of the grid."""
        model: Any = self.teacher.model
        height, width = model.patch_embed.grid_size
        return height * width

    def slimmed(self, arm: str, keep: Sequence[float]) -> nn.Module:
        """The arm's model with these shares, untrained: as fast as a trained one."""
        how = ARMS.get(arm, {}).get("how", "merge")
        return slim_vit(copy.deepcopy(self.teacher.model), keep, self.places, how)

    def run_of(self, arm: str, keep: Sequence[float], seed: int) -> Run:
        """The run of an arm with these shares and a seed."""
        options = {"keep": write_value(tuple(keep)), "after": write_value(tuple(self.places)), "distill": self.distill}
        options |= ARMS.get(arm, {})
        method = ":".join(["slim", *(f"{k}={v}" for k, v in options.items()), f"teacher={write_path(self.run)}"])
        changed = {"methods": (*self.recipe.methods, method), "seed": seed}
        return Run(arm, Recipe(**{**self.recipe.model_dump(), **changed}), self.out / arm / f"seed-{seed}")


def plan_slimming(
    run: str | Path,
    keep: Sequence[float],
    out: str | Path,
    *,
    after: Sequence[int] | None = None,
    against: Sequence[str] = (),
    passes: int | None = None,
    lr: float | None = None,
    distill: str = "frd",
    seeds: Sequence[int] = (0,),
    changes: Sequence[str] = (),
    batch_size: int = 64,
) -> Slimming:
    """Everything that can be wrong with slimming, found before anything is written.

    The student's recipe is the teacher's with the method :class:`~headstart.methods.Slim`, the teacher's weights
    instead of an initialization, no warm-up, and half the learning rate. Methods that gave the teacher a further loss
    and left nothing in its model are left out.

    Args:
        run: the teacher, a folder that ``headstart train`` wrote.
        keep: the share of the grid's tokens left behind each place, falling.
        out: the folder of the students.
        after: how many blocks come before each place; the depth evenly split unless given.
        against: what else is trained: the reducers ``random``, ``topk`` and ``pool``, at equal measured speed; and the
            student with ``logits`` (tokens are not compared), ``labels`` (it only starts from the teacher) or
            ``scratch``.
        passes: as many as the teacher's unless given.
        lr: half of the teacher's unless given.
        distill: the student's, and that of the other reducers.
        seeds: of the students; all learn from the one teacher.
        changes: ``key=value`` of the recipe, last.
        batch_size: of timed passes.

    Raises :class:`~headstart.errors.HeadstartError` when ``run`` is no finished run of a model that can be slimmed,
    when shares, places, arms or the recipe do not suit it, and when ``out`` belongs to students of another kind.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise HeadstartError(
            "models are timed in one process; leave torchrun out, or train a student with it by itself: "
            f"headstart train … --init default --with slim:teacher={run}."
        )
    run, out = Path(run), Path(out)
    teacher = load_run(run)
    if not teacher.finished:
        raise HeadstartError(f"{run} is not finished; train it to its end, then slim it.")
    if any(method.partition(":")[0] == "slim" for method in teacher.recipe.methods):
        raise HeadstartError(f"{run} is a slim run already; name the run it was slimmed from.")
    for arm in against:
        if arm not in ARMS:
            raise unknown("arm to compare a slim model with", arm, ARMS)
    if torch.cuda.is_available():
        teacher.model.cuda()
    blocks: Any = slim_vit(copy.deepcopy(teacher.model), keep, after).blocks
    places = [index for index, block in enumerate(blocks, 1) if hasattr(block, "slim")]
    changed = {"init": "default", "passes": passes or teacher.recipe.passes, "warmup": 0.0}
    changed |= {"lr": LOWER * teacher.recipe.lr if lr is None else lr, "methods": _lasting(teacher)}
    recipe = Recipe(**{**teacher.recipe.model_dump(), **changed}).override(changes)
    config = {key: value for key, value in recipe.portable().items() if key != "seed"}
    weights = hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()[:12]
    config |= {"keep": list(keep), "after": places, "distill": distill, "teacher": weights}
    check(out, config)
    arms = [STUDENT, *dict.fromkeys(against)]
    made = Slimming(run, teacher, recipe, list(keep), places, distill, arms, list(seeds), out, config, batch_size)
    for arm in arms:
        build_trainee(made.run_of(arm, keep, recipe.seed).recipe, teacher.dataset)
    return made


def _lasting(teacher: Opened) -> tuple[str, ...]:
    """The teacher's methods without those whose loss is all they were: made for final tokens on the whole grid."""
    recipe = teacher.recipe
    methods = tuple(text for text in recipe.methods if not resolve_methods([text])[0].has_loss)
    if methods == recipe.methods:
        return methods
    without = build_trainee(recipe.model_copy(update={"methods": methods}), teacher.dataset, training=False).model
    return methods if set(without.state_dict()) == set(teacher.model.state_dict()) else recipe.methods
