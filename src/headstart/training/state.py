"""What a run is made of at a moment: enough to go on from there with the same bits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from headstart.errors import HeadstartError
from headstart.training.checkpoint import fill, of_module
from headstart.training.divergence import WINDOW, check_losses, check_weights
from headstart.training.optimization import learning_rate
from headstart.training.recipe import Recipe
from headstart.training.seeds import generator, seeded

__all__ = ["STEP_BACK", "RunState"]

STEP_BACK = 1 / 3  # what a step back multiplies the learning rate by


class RunState:
    """Model, optimizer, schedule, data order, augmentation and random states of a run.

    Args:
        modules: ``"model"``, and ``"ema"`` where an average of the weights is kept.
        optimizer: of the model's parameters.
        recipe: decides seed, passes and learning rate.
        steps_per_pass: optimizer steps in a pass.
        device: where the random draws of the augmentation are made.
    """

    def __init__(
        self,
        modules: dict[str, nn.Module],
        optimizer: torch.optim.Optimizer,
        recipe: Recipe,
        steps_per_pass: int,
        device: torch.device,
    ) -> None:
        self.modules, self.optimizer, self.recipe, self.device = modules, optimizer, recipe, device
        self.steps_per_pass, self.steps = steps_per_pass, recipe.passes * steps_per_pass
        self.history: list[dict[str, Any]] = []  # a row for each finished pass
        self.backs: list[dict[str, Any]] = []  # a row for each step back
        self.recent = torch.zeros(0, device=device)  # the last losses of earlier passes
        self.begin_pass()

    def begin_pass(self) -> None:
        """Every stream at its start for the pass after the last finished one."""
        self.number, self.done, self.seconds = len(self.history) + 1, 0, 0.0
        self.order = generator(self.recipe.seed, "order", self.number)
        self.order_start = self.order.get_state()  # the order itself is drawn from it, again when the run goes on
        self.augmentation = generator(self.recipe.seed, "augmentation", self.number, self.device)
        self.layers: list[Tensor] = []  # the global random states to go on from; none: the stream's start
        # Sums stay on the device: reading one at each step would make the host wait.
        self.losses = torch.zeros(self.steps_per_pass, device=self.device)
        self.loss_sum = torch.zeros((), device=self.device)
        self.correct = torch.zeros((), device=self.device)

    def end_pass(self, row: dict[str, Any]) -> None:
        """The pass is over, ``row`` its line of the history."""
        self.recent = torch.cat([self.recent, self.losses])[-(WINDOW - 1) :]
        self.history.append(row)
        self.begin_pass()

    def check(self, classes: int) -> None:
        """Raise :class:`~headstart.training.divergence.Diverged` unless training has gone well until here."""
        losses = torch.cat([self.recent, self.losses[: self.done]])
        check_losses(losses, classes, len(self.recent))
        check_weights(self.modules["model"], self.done - 1)

    @property
    def step(self) -> int:
        """Steps done since the start of the run."""
        return len(self.history) * self.steps_per_pass + self.done

    def rate(self, step: int) -> float:
        """The learning rate of ``step`` (from 0), lowered by each step back."""
        return learning_rate(step, self.steps, self.recipe) * STEP_BACK ** len(self.backs)

    def count(self, loss: Tensor, correct: Tensor) -> None:
        """One step is done; both stay on the device."""
        self.losses[self.done] = loss
        self.loss_sum += loss
        self.correct += correct
        self.done += 1

    @contextmanager
    def randomness(self) -> Iterator[None]:
        """What the layers draw from: the pass's own global random state inside, the caller's outside."""
        with seeded(self.recipe.seed, "stochastic depth", self.number):
            if self.layers:
                torch.set_rng_state(self.layers[0])
                for index, state in enumerate(self.layers[1:]):
                    torch.cuda.set_rng_state(state, index)
            yield

    def tensors(self) -> dict[str, Tensor]:
        """Everything but numbers. Inside a pass to be called inside :meth:`randomness`."""
        tensors = {
            f"{kind}.{name}": tensor
            for kind, module in self.modules.items()
            for name, tensor in module.state_dict().items()
        }
        for name, parameter in self.modules["model"].named_parameters():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"optimizer.{key}.{name}"] = value
        tensors["recent"] = self.recent
        tensors["random.order"], tensors["random.augmentation"] = self.order_start, self.augmentation.get_state()
        if self.done:  # between passes there is nothing to hold: the next one starts its stream from the seed
            tensors["random.layers.0"] = torch.get_rng_state()
            for index in range(torch.cuda.device_count()):
                tensors[f"random.layers.{index + 1}"] = torch.cuda.get_rng_state(index)
            tensors |= {"pass.losses": self.losses, "pass.loss_sum": self.loss_sum, "pass.correct": self.correct}
        return tensors

    def meta(self) -> dict[str, Any]:
        """The rest, as JSON values; the schedule and the data order are functions of these."""
        return {
            "history": self.history,
            "backs": self.backs,
            "done": self.done,
            "seconds": self.seconds,
            "seed": self.recipe.seed,
            "step": self.step,
            "steps": self.steps,
            "lr": self.rate(max(0, self.step - 1)),
            "device": self.device.type,
        }

    def restore(self, path: Path, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
        """Be as the checkpoint ``path`` says.

        Raises :class:`~headstart.errors.HeadstartError` when it is of another model, or was made inside a pass on
        another kind of device, whose random states mean nothing here.
        """
        done, device = meta.get("done", 0), meta.get("device", self.device.type)
        if done and device != self.device.type:
            raise HeadstartError(
                f"{path} was made inside a pass on {device}, and this is {self.device.type}: go on there, or delete "
                "it, and the same command goes on here from the end of the pass before."
            )
        for kind, module in self.modules.items():
            fill(module, of_module(tensors, kind), path)
        self.optimizer.state.clear()
        parameters = dict(self.modules["model"].named_parameters())
        for place, tensor in of_module(tensors, "optimizer").items():
            key, name = place.split(".", 1)
            self.optimizer.state[parameters[name]][key] = tensor.to(parameters[name].device, copy=True)
        self.history, self.backs = meta["history"], meta.get("backs", [])
        self.recent = tensors.get("recent", self.recent[:0]).to(self.device, copy=True)
        self.begin_pass()
        if done:
            self.done, self.seconds = done, meta["seconds"]
            self.order.set_state(tensors["random.order"])
            self.augmentation.set_state(tensors["random.augmentation"])
            states = of_module(tensors, "random.layers")
            self.layers = [states[str(index)] for index in range(len(states))]
            self.losses.copy_(tensors["pass.losses"])
            self.loss_sum.copy_(tensors["pass.loss_sum"])
            self.correct.copy_(tensors["pass.correct"])
