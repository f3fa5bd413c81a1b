"""Impulses in an MLP-Mixer: hidden units of the token mixing carry shifts.

2505.19985 reports gains from structured initialization on Mixer and gives neither code nor formula for it; this is our
own reading.

Shapes: ``T`` patches, ``U`` hidden units, ``D`` width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.attention.mixer import MixingView
from headstart.errors import HeadstartError
from headstart.initialization.values import contrast_strength

__all__ = ["covered", "write_mixing"]

_SLOPE = 0.5  # of GELU at zero, which stands between reading and writing


def covered(block: MixingView, targets: Tensor) -> Tensor:
    """``targets`` (G, T) with −1 for the rows that a last, smaller group has no unit for."""
    targets = targets.clone()
    for group in range(block.heads):
        units = block.units(group)
        targets[group, units.stop - units.start :] = -1
    return targets


def write_mixing(block: MixingView, targets: Tensor, sharpness: float, value: str, depth: int, spread: float) -> None:
    """Unit u of a group writes to patch u and reads its target: W₁ a share of one there, W₂ one entry a row.

    Reading weights keep their random values, scaled so that the target's is ``sharpness`` of the row's absolute sum and
    the target weighs one. What comes out is −2c/(L·G)·GELU(x at the target) for value="contrast", c/L being the
    strength it has in a ViT of L blocks, shared by the groups, and 2 making up for GELU's slope at zero; with
    value="default" the sign is plus.
    """
    if value not in ("contrast", "default"):
        raise HeadstartError(
            f"value={value!r} is a start of value and output weights, and a Mixer has none; use 'contrast' or "
            "'default'."
        )
    strength = contrast_strength(depth, spread) / _SLOPE / block.heads
    read = block.read_in.weight.detach().double()
    write = torch.zeros_like(block.write_out.weight, dtype=torch.float64)
    for group in range(block.heads):
        units = block.units(group)
        rows = torch.arange(units.stop - units.start, device=read.device)
        unit = rows + units.start
        target = targets[group, : len(rows)].to(read.device)
        inside = target >= 0
        noise = read[unit]
        noise[inside, target[inside]] = 0.0
        noise = noise / noise.abs().sum(1, keepdim=True).clamp(min=1e-12) * (1 - sharpness) / sharpness
        noise[inside, target[inside]] = 1.0
        read[unit] = noise
        write[rows, unit] = strength if value == "default" else -strength
    block.read_in.weight.detach().copy_(read)
    block.write_out.weight.detach().copy_(write)
    if block.read_in.bias is not None:
        block.read_in.bias.detach().zero_()
