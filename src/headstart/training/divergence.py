"""When training has gone wrong, and at which step: a loss that is no number, or far above guessing."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["Diverged", "check_losses", "check_weights"]

# Guessing all of C classes alike costs log C. A healthy run starts there and may jump above it for a few steps;
# a mean of five times that over twenty steps is a run that does not come back.
FACTOR = 5.0
WINDOW = 20


class Diverged(Exception):
    """Training went wrong in step ``index`` (from 0) of the pass under way; ``what`` says how."""

    def __init__(self, index: int, what: str) -> None:
        super().__init__(what)
        self.index, self.what = index, what


def check_losses(losses: Tensor, classes: int) -> None:
    """Raise :class:`Diverged` for the first step in which a loss of the pass is wrong.

    What is found depends on the losses alone and not on when they are looked at, so that a cut run stops, or steps
    back, where an uninterrupted one does.

    Args:
        losses: (steps,), of the steps of this pass so far.
        classes: C; a mean over 20 steps above 5·log C is divergence.
    """
    values = losses.detach().double().cpu()
    bad = [(int(index), f"the loss is {values[index].item()}") for index in (~values.isfinite()).nonzero()[:1]]
    limit = FACTOR * math.log(max(2, classes))
    sound = values[: bad[0][0]] if bad else values
    if len(sound) >= WINDOW:
        means = sound.unfold(0, WINDOW, 1).mean(dim=1)
        high = (means > limit).nonzero()
        if len(high):
            index = int(high[0])
            what = f"the loss diverges: its mean over {WINDOW} steps is {means[index].item():.3g}, guessing has "
            bad.insert(0, (index + WINDOW - 1, what + f"{math.log(max(2, classes)):.3g}"))
    if bad:
        raise Diverged(*bad[0])


@torch.no_grad()
def check_weights(model: nn.Module, index: int) -> None:
    """Raise :class:`Diverged` for step ``index`` when a weight is no number: its loss was still one, the next won't be.

    A checkpoint must not be written then.
    """
    weights = [weight for weight in model.state_dict().values() if weight.is_floating_point()]
    if not bool(torch.stack([weight.isfinite().all() for weight in weights]).all()):
        raise Diverged(index, "the weights are no longer finite")
