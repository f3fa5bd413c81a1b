"""A run at the moments that can be had of it: its start, what it kept on the way, and its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import nn

from headstart.errors import HeadstartError
from headstart.initialization import measure
from headstart.training.build import initialize, sample_images
from headstart.training.checkpoint import read_meta
from headstart.training.inspection import Run, with_weights
from headstart.training.kept import BEST, position
from headstart.training.start import MEASURED_IMAGES, has_heads
from headstart.training.trainee import build_trainee
from headstart.training.watching import kept_weights, starting_heads

__all__ = ["Moment", "moments"]

SAME = 0.02  # target masses at most so far apart are those of one start, computed on two machines


@dataclass(frozen=True)
class Moment:
    """A run after ``passes`` passes; ``model`` makes its model, in evaluation mode and on the CPU."""

    name: str
    passes: int
    model: Callable[[], nn.Module]


def moments(folder: Path, run: Run, passes: int, notes: list[str]) -> list[Moment]:
    """From the start of ``run``, which lies in ``folder`` and has ``passes`` finished passes, to its newest weights.

    The weights at the start are not kept: they are drawn and initialized again, as the recipe says. Where that gives
    other heads than were measured then, or can't be done, ``notes`` gets a sentence and the start is left out.
    """
    found = list(_start(folder, run, notes))
    on_the_way = {**kept_weights(folder)}
    if not on_the_way and (folder / BEST).exists():
        on_the_way[position(read_meta(folder / BEST))[0]] = folder / BEST
    for number, path in sorted(on_the_way.items()):
        if 0 < number < passes:
            name = f"best, pass {number}" if path.name == BEST else f"pass {number}"
            found.append(Moment(name, number, partial(_opened, run, path, number)))
    state = "trained" if run.finished else "half-trained"
    return [*found, Moment(f"{state}, pass {passes}", passes, lambda: run.model)]


def _start(folder: Path, run: Run, notes: list[str]) -> Iterator[Moment]:
    try:
        # A method may begin from a teacher's weights; without methods there is nothing to begin.
        model = build_trainee(run.recipe, run.dataset, training=bool(run.recipe.methods)).model
        if has_heads(model, run.recipe):
            initialize(model, run.recipe, run.dataset)
        model.eval()
    except HeadstartError as error:
        notes.append(f"The weights at the start could not be made again: {error}")
        return
    then = {(head.block, head.head): head.target_mass for head in starting_heads(folder)}
    if then:
        images = sample_images(run.dataset.val, MEASURED_IMAGES, run.recipe.split_seed)
        now = measure(model, run.normalize(images)).heads
        apart = max(abs(head.target_mass - then.get((head.block, head.head), -1.0)) for head in now)
        if apart > SAME:
            notes.append(
                "The weights at the start are not shown: drawn again here, they are others than those of the run (a "
                f"head's target mass is {apart:.2f} off), as after a change of the library's version."
            )
            return
    yield Moment("head start", 0, lambda: model)


def _opened(run: Run, weights: Path, number: int) -> nn.Module:
    return with_weights(run.recipe, run.dataset, weights, number / run.recipe.passes)
