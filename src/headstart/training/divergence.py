"""When training has gone wrong, and at which step: a loss that is no number, or far above guessing."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["WINDOW", "Diverged", "check_losses", "check_weights"]

# Guessing all of C classes alike costs log C. A healthy run starts there and may jump above it for a few steps;
# a mean of five times that over twenty steps is a run that does not come back.
FACTOR = 5.0
WINDOW = 20


class Diverged(Exception):
    """Training went wrong in step ``index`` (from 0) of the pass under way; ``what`` says how."""

    def __init__(self, index: int, what: str) -> None:
        super().__init__(what)
        self.index, self.what = index, what


def check_losses(losses: Tensor, classes: int, earlier: int = 0) -> None:
    """Raise :class:`Diverged` for the first step in which a loss is wrong.

    What is found depends on the losses alone and not on when they are looked at, so that a cut run stops, or steps
    back, where an uninterrupted one does.

    Args:
        losses: (earlier + steps,), the last ones of earlier passes, and those of this pass so far.
        classes: C; a mean over 20 steps above 5·log C is divergence.
        earlier: how many are of earlier passes.
    """
    values, guessing = losses.detach().double().cpu(), math.log(max(2, classes))
    wrong = (~values.isfinite()).nonzero()
    sound = values[: int(wrong[0])] if len(wrong) else values
    if len(sound) >= WINDOW:
        means = sound.unfold(0, WINDOW, 1).mean(dim=1)
        high = (means > FACTOR * guessing).nonzero()
        if len(high):
            first = int(high[0])
            what = f"its mean over {WINDOW} steps is {means[first].item():.3g}, and guessing has {guessing:.3g}"
            raise Diverged(first + WINDOW - 1 - earlier, f"the loss diverges: {what}")
    if len(wrong):
        raise Diverged(int(wrong[0]) - earlier, f"the loss is {values[wrong[0]].item()}")


@torch.no_grad()
def check_weights(model: nn.Module, index: int) -> None:
    """Raise :class:`Diverged` for step ``index`` when a weight is no number: its loss was still one, the next won't be.

    A checkpoint must not be written then.
    """
    weights = [weight for weight in model.state_dict().values() if weight.is_floating_point()]
    if not bool(torch.stack([weight.isfinite().all() for weight in weights]).all()):
        raise Diverged(index, "the weights are no longer finite")
