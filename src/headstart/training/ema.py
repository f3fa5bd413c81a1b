"""A moving average of the weights, which is evaluated and kept in their place."""

from __future__ import annotations

import copy

import torch
from torch import nn

__all__ = ["averaged", "copy_buffers", "follow"]


def averaged(model: nn.Module) -> nn.Module:
    """The model that will hold the average: a copy that no gradient reaches."""
    return copy.deepcopy(model).requires_grad_(False)


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, step: int, decay: float) -> None:
    """One step of the average: ``w̄ ← d·w̄ + (1 − d)·w`` with ``d = min(decay, (1 + t) / (10 + t))``.

    ``t`` is the number of steps before this one. The rising ``d`` keeps the start out of the average of a short
    run, as in TensorFlow's and timm's warm-up. Buffers are copied.
    """
    weight = 1 - min(decay, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), weight)
    copy_buffers(average, model)


@torch.no_grad()
def copy_buffers(average: nn.Module, model: nn.Module) -> None:
    """Give the average the model's buffers, those that no checkpoint holds among them, such as the blur of now."""
    for mine, theirs in zip(average.buffers(), model.buffers(), strict=True):
        mine.copy_(theirs)
