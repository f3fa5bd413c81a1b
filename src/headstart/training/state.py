"""What a run is made of at a moment: enough to go on from there with the same bits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from headstart.training.checkpoint import fill, of_module
from headstart.training.divergence import WINDOW, check_losses, check_weights
from headstart.training.ema import averaged, copy_buffers, follow
from headstart.training.optimization import learning_rate
from headstart.training.processes import Processes
from headstart.training.recipe import Recipe

if TYPE_CHECKING:
    from headstart.training.trainee import Trainee

__all__ = ["STEP_BACK", "RunState"]

STEP_BACK = 1 / 3  # what a step back multiplies the learning rate by


class RunState:
    """Model, moving average, optimizers, schedule and losses of a run.

    Data order, augmentation and all other random draws are functions of the seed and the step
    (:mod:`headstart.training.feed`), so these two numbers are all there is to keep of them.

    Args:
        model: what is trained.
        optimizers: of the model's parameters, and perhaps of other runs' beside them.
        recipe: decides seed, passes, learning rate and moving average.
        steps_per_pass: optimizer steps in a pass.
        processes: over which losses and counts are gathered.
        methods: what trains beside the model and is not kept with it.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizers: Sequence[Optimizer],
        recipe: Recipe,
        steps_per_pass: int,
        processes: Processes,
        methods: nn.Module | None = None,
    ) -> None:
        self.model, self.optimizers, self.recipe, self.processes = model, optimizers, recipe, processes
        self.methods = methods or nn.ModuleList()
        self.average = averaged(model) if recipe.ema else None
        self.steps_per_pass, self.steps = steps_per_pass, recipe.passes * steps_per_pass
        self.history: list[dict[str, Any]] = []  # a row for each finished pass
        self.backs: list[dict[str, Any]] = []  # a row for each step back
        self.recent = torch.zeros(0, device=processes.device)  # the last losses of earlier passes
        self.begin_pass()

    @property
    def final(self) -> nn.Module:
        """The model that is evaluated and kept: the moving average where there is one."""
        return self.model if self.average is None else self.average

    def catch_up(self, trainee: Trainee) -> None:
        """Let methods and moving average be as after the steps done so far: to be called before an evaluation.

        What methods change as training goes on lies in buffers that no checkpoint holds.
        """
        trainee.update(self.step / self.steps)
        if self.average is not None:
            copy_buffers(self.average, self.model)

    def begin_pass(self) -> None:
        """At the start of the pass after the last finished one."""
        device = self.processes.device
        self.number, self.done, self.seconds = len(self.history) + 1, 0, 0.0
        # Sums stay on the device: reading one at each step would make the host wait.
        self.losses = torch.zeros(self.steps_per_pass, device=device)
        self.correct = torch.zeros((), dtype=torch.int64, device=device)

    def end_pass(self, row: dict[str, Any]) -> None:
        """The pass is over, ``row`` its line of the history."""
        self.recent = torch.cat([self.recent, self.losses])[-(WINDOW - 1) :]
        self.history.append(row)
        self.begin_pass()

    def gather(self) -> None:
        """Take the mean of the losses and the sum of what was right over all processes; to be called in all of them."""
        if self.processes.count > 1:
            self.losses = self.processes.mean(self.losses)
            self.correct = self.processes.sum(self.correct)
            if not self.processes.first:
                self.correct.zero_()  # counted with the first process's from now on

    def check(self, classes: int) -> None:
        """Raise :class:`~headstart.training.divergence.Diverged` unless training has gone well until here."""
        losses = torch.cat([self.recent, self.losses[: self.done]])
        check_losses(losses, classes, len(self.recent))
        check_weights(self.model, self.done - 1)

    @property
    def step(self) -> int:
        """Steps done since the start of the run."""
        return len(self.history) * self.steps_per_pass + self.done

    def rate(self, step: int) -> float:
        """The learning rate of ``step`` (from 0), lowered by each step back."""
        return learning_rate(step, self.steps, self.recipe) * STEP_BACK ** len(self.backs)

    def set_rate(self) -> None:
        """Give the optimizers the learning rate of the step to come."""
        rate = self.rate(self.step)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                now = rate * group.get("rate", 1.0)
                if isinstance(group["lr"], Tensor):  # where a recorded step looks for it
                    group["lr"].fill_(now)
                else:
                    group["lr"] = now

    def count(self, loss: Tensor, correct: Tensor) -> None:
        """One step is done; both stay on the device."""
        if self.average is not None:
            follow(self.average, self.model, self.step, self.recipe.ema)
        self.losses[self.done] = loss
        self.correct += correct
        self.done += 1

    def tensors(self) -> dict[str, Tensor]:
        """Everything but numbers."""
        tensors = {
            f"{kind}.{name}": tensor
            for kind, module in self._modules().items()
            for name, tensor in module.state_dict().items()
        }
        for name, parameter in self._parameters().items():
            for optimizer in self.optimizers:
                for key, value in optimizer.state.get(parameter, {}).items():
                    tensors[f"optimizer.{key}.{name}"] = value
        tensors["recent"] = self.recent
        if self.done:
            tensors |= {"pass.losses": self.losses, "pass.correct": self.correct}
        return tensors

    def meta(self) -> dict[str, Any]:
        """The rest, as JSON values; schedule, data order and random draws are functions of these."""
        return {
            "history": self.history,
            "backs": self.backs,
            "done": self.done,
            "seconds": self.seconds,
            "seed": self.recipe.seed,
            "step": self.step,
            "steps": self.steps,
            "lr": self.rate(max(0, self.step - 1)),
        }

    def restore(self, path: Path, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
        """Be as the checkpoint ``path`` says.

        Raises :class:`~headstart.errors.HeadstartError` when it is of another model.
        """
        for kind, module in self._modules().items():
            fill(module, of_module(tensors, kind), path)
        self._restore_optimizers(of_module(tensors, "optimizer"))
        self.history, self.backs = meta["history"], meta.get("backs", [])
        self.recent = tensors.get("recent", self.recent[:0]).to(self.processes.device, copy=True)
        self.begin_pass()
        if meta.get("done", 0):
            self.done, self.seconds = meta["done"], meta["seconds"]
            self.losses.copy_(tensors["pass.losses"])
            if self.processes.first:
                self.correct.copy_(tensors["pass.correct"])

    def _restore_optimizers(self, saved: dict[str, Tensor]) -> None:
        owner = {p: o for o in self.optimizers for group in o.param_groups for p in group["params"]}
        parameters = self._parameters()
        for parameter in parameters.values():
            if parameter in owner:
                owner[parameter].state.pop(parameter, None)
        for place, tensor in saved.items():
            key, name = place.split(".", 1)
            value = tensor.to(parameters[name].device, copy=True)
            owner[parameters[name]].state[parameters[name]][key] = value

    def _modules(self) -> dict[str, nn.Module]:
        modules = {"model": self.model, "methods": self.methods}
        return modules if self.average is None else {**modules, "ema": self.average}

    def _parameters(self) -> dict[str, nn.Parameter]:
        methods = {f"methods.{name}": parameter for name, parameter in self.methods.named_parameters()}
        return dict(self.model.named_parameters()) | methods
