"""Normalised queries and keys (QK-norm): only their direction is Q's and K's; their size is the norm's own scale."""

from __future__ import annotations

import copy

from torch import Tensor, nn

__all__ = ["normalise", "reset_norm"]


def normalise(norm: nn.Module, x: Tensor) -> Tensor:
    """``norm`` with its own scale and shift left out, in the type of ``x``."""
    plain = copy.deepcopy(norm).to(x.dtype)
    reset_norm(plain, 1.0)
    return plain(x)


def reset_norm(norm: nn.Module, scale: float) -> bool:
    """Set a norm's scale to one number and its shift to zero; says whether it has a scale."""
    weight, bias = getattr(norm, "weight", None), getattr(norm, "bias", None)
    if isinstance(bias, Tensor):
        bias.detach().zero_()
    if isinstance(weight, Tensor):
        weight.detach().fill_(scale)
    return isinstance(weight, Tensor)
