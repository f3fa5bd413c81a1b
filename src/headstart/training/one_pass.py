"""The steps of a pass: what is done for every batch."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

from headstart.training.feed import Feed
from headstart.training.seeds import seeded, stream_seed
from headstart.training.state import RunState
from headstart.training.step import TrainingStep

__all__ = ["one_pass"]


def one_pass(state: RunState, feed: Feed, taken: TrainingStep, after_step: Callable[[Tensor], object]) -> None:
    """The steps of a pass, or those that are left of it; ``after_step`` is given the loss of each."""
    recipe, processes, before = state.recipe, state.processes, state.seconds
    taken.network.train()
    started = time.perf_counter()
    # Layers that draw from the global random state do so from one of their own, as a function of step and process.
    with seeded(recipe.seed, "layers"):
        for parts in feed.steps(state.number, state.done):
            torch.manual_seed(stream_seed(recipe.seed, f"layers of process {processes.rank}", state.step))
            state.set_rate()
            taken.trainee.update(state.step / state.steps)
            loss, correct = taken(parts)
            state.count(loss, correct)
            state.seconds = before + time.perf_counter() - started
            after_step(loss)
    processes.synchronize()
    state.seconds = before + time.perf_counter() - started
