"""What a model costs: its parameters, and the operations for one image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from headstart.attention.hooks import evaluating

__all__ = ["Cost", "cost"]


@dataclass(frozen=True)
class Cost:
    """Size and work of a model.

    Args:
        parameters: numbers that are trained or held fixed; buffers are not counted.
        flops: floating-point operations of a forward pass on one image, a multiplication and an addition counted as
            two; matrix products, convolutions and attention alone, as :mod:`torch.utils.flop_counter` has it.
    """

    parameters: int
    flops: int

    def __str__(self) -> str:
        return f"{_short(self.parameters / 1e6, 2)} M parameters, {_short(self.flops / 1e9, 3)} GFLOP an image"


def cost(model: nn.Module, image_shape: tuple[int, int, int]) -> Cost:
    """The cost of ``model`` for images of shape (C, H, W), on whatever device it is; the model stays as it is.

    >>> cost(nn.Sequential(nn.Flatten(), nn.Linear(48, 10)), (3, 4, 4))
    Cost(parameters=490, flops=960)
    """
    device = next(model.parameters()).device
    # Two images, half of it: a batch of one is taken for a single image by some layers. The fused kernels of attention
    # are not counted everywhere; the plain one is.
    images = torch.zeros(2, *image_shape, device=device)
    with evaluating(model), torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(images)
    return Cost(sum(parameter.numel() for parameter in model.parameters()), counter.get_total_flops() // 2)


def _short(value: float, digits: int) -> str:
    """So many decimals; of less than a tenth the first two figures, so that a small model doesn't cost 0.000."""
    return f"{value:.{digits}f}" if value >= 0.1 else f"{value:.2g}"
