"""The steps of a pass: what is done for every batch."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headstart.training.feed import Feed
from headstart.training.processes import Processes
from headstart.training.seeds import seeded, stream_seed
from headstart.training.state import RunState
from headstart.training.trainee import Trainee

__all__ = ["one_pass"]


def one_pass(
    state: RunState,
    feed: Feed,
    trainee: Trainee,
    network: nn.Module,
    processes: Processes,
    after_step: Callable[[Tensor], object],
) -> None:
    """The steps of a pass, or those that are left of it."""
    recipe, before = state.recipe, state.seconds
    network.train()
    started = time.perf_counter()
    # Layers that draw from the global random state do so from one of their own, as a function of step and process.
    with seeded(recipe.seed, "layers"):
        for parts in feed.steps(state.number, state.done):
            torch.manual_seed(stream_seed(recipe.seed, f"layers of process {processes.rank}", state.step))
            state.set_rate()
            trainee.update(state.step / state.steps)
            loss = torch.zeros((), device=processes.device)
            correct = torch.zeros((), dtype=torch.int64, device=processes.device)
            for index, part in enumerate(parts, 1):
                # Gradients are averaged over the processes once, with the last part.
                with nullcontext() if index == recipe.accumulate else processes.accelerator.no_sync(network):
                    logits, extra = network(part.images, part.drops, part.targets, part.draws)
                    share = F.cross_entropy(logits, part.targets, label_smoothing=recipe.label_smoothing)
                    whole = share if extra is None else share + extra
                    (whole / recipe.accumulate).backward()
                # The recipe's own loss: with methods or without, it begins at guessing.
                loss += share.detach() / recipe.accumulate
                correct += (logits.detach().argmax(dim=1) == part.labels).sum()
            trainee.gradients()
            if recipe.clip is not None:
                nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
            for optimizer in state.optimizers:
                optimizer.step()
                optimizer.zero_grad()
            state.count(loss, correct)
            state.seconds = before + time.perf_counter() - started
            after_step(loss)
    processes.synchronize()
    state.seconds = before + time.perf_counter() - started
