"""Whole levels from 0 to 255, and the values in [0, 1] that corruptions work on."""

from __future__ import annotations

from torch import Tensor

__all__ = ["floored"]

# Published values are float64 and cut down to whole levels; ours are float32, where a value that should be whole may
# lie this far below.
ALLOWANCE = 2.0**-12


def floored(values: Tensor) -> Tensor:
    """The level at or below each value, clipped to [0, 1]; again in [0, 1].

    >>> import torch
    >>> (floored(torch.tensor([0.999, 1.2, -0.1])) * 255).tolist()
    [254.0, 255.0, 0.0]
    """
    return (values.clamp(0, 1) * 255 + ALLOWANCE).floor_().div_(255)
