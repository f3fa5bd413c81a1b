"""A step of training: forward, backward, clipping, the optimizers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headstart.training.feed import Part
from headstart.training.processes import Processes
from headstart.training.recorded import Recorded
from headstart.training.state import RunState
from headstart.training.trainee import Trainee

__all__ = ["TrainingStep"]


class TrainingStep:
    """What is done with the parts of a batch.

    Args:
        state: the optimizers and the recipe.
        trainee: what is trained.
        network: ``trainee`` as ``processes`` call it.
        processes: over which gradients are averaged.
    """

    def __init__(self, state: RunState, trainee: Trainee, network: nn.Module, processes: Processes) -> None:
        self.state, self.trainee, self.network, self.processes = state, trainee, network, processes
        self.recipe = state.recipe
        self.forget()

    def forget(self) -> None:
        """Record anew, where steps are recorded: the optimizers have other tensors now."""
        self.recorded = Recorded(self._only, "a training step") if self.processes.records(self.recipe) else None

    def __call__(self, parts: Iterator[Part]) -> tuple[Tensor, Tensor]:
        """The mean of the recipe's own loss, (), and how many images of ``parts`` were classified rightly, int64 ()."""
        if self.recorded is None:
            return self._every(parts)
        (part,) = parts
        loss, correct = self.recorded(part.images, part.targets, part.labels, part.drops, part.draws)
        return loss, correct

    def _only(self, *part: Tensor) -> tuple[Tensor, Tensor]:
        return self._every(iter([Part(*part)]))

    def _every(self, parts: Iterator[Part]) -> tuple[Tensor, Tensor]:
        recipe, processes, network = self.recipe, self.processes, self.network
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
        self.trainee.gradients()
        if recipe.clip is not None:
            nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
        for optimizer in self.state.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        return loss, correct
