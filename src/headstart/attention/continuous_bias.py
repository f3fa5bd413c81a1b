"""Swin-v2's continuous relative bias (2111.09883): a small network maps an offset to a bias, here made to fit a table.

b(δ) = 16·σ(MLP(c(δ))), c(δ) the offset on a logarithmic scale, MLP two layers with a ReLU between.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from headstart.attention.block import RelativeBias
from headstart.errors import HeadstartError

__all__ = ["HIGHEST", "continuous_bias", "fit_network"]

HIGHEST = 16.0  # the bias the network can give at most; at least is zero
_FLOOR = 1e-3  # of HIGHEST: what stands for zero, which the sigmoid only nears


def continuous_bias(attention: Any, index: Tensor | None = None) -> RelativeBias:
    """The bias of an attention module with ``cpb_mlp`` and ``relative_coords_table`` (1, 2h−1, 2w−1, 2)."""
    first, last = attention.cpb_mlp[0], attention.cpb_mlp[2]

    def coordinates() -> Tensor:
        return attention.relative_coords_table.detach().reshape(-1, 2)

    def read() -> Tensor:
        with torch.no_grad():
            return HIGHEST * torch.sigmoid(
                attention.cpb_mlp(attention.relative_coords_table).reshape(-1, last.out_features)
            )

    return RelativeBias(
        index=attention.relative_position_index if index is None else index,
        read=read,
        write=lambda table: fit_network(first, last, coordinates(), table),
        parameters=[first.weight, first.bias, last.weight],
    )


def fit_network(first: Any, last: Any, coordinates: Tensor, table: Tensor) -> None:
    """Set the two layers so that 16·σ(MLP(coordinates (n, 2))) is ``table`` (n, H), one entry per head above zero.

    For offset (dy, dx) the network adds a hat over the coordinate of dy and one over that of dx, each a piecewise
    linear function with kinks at its neighbours: both together lift one point of the plane above all others, and the
    sigmoid presses the rest to zero. Exact but for what stands for zero, 16·10⁻³ at most, whatever the window. Units
    take their kinks first; those left over keep their weights and get none towards the heads.

    Raises:
        HeadstartError: for a table with more entries above zero than one in a head.
    """
    points, share = coordinates.double(), table.double() / HIGHEST
    if ((share > 0).sum(0) > 1).any():
        raise HeadstartError("a continuous relative bias is set to one offset per head; got a table with more.")
    axes = [points[:, axis].unique() for axis in (0, 1)]  # coordinates in order of offset
    units = sum(map(len, axes)) + 2 + 1
    if units > first.out_features:
        raise HeadstartError(f"the bias network has {first.out_features} hidden units, and its window needs {units}.")
    weight, bias = first.weight.detach().double(), first.bias.detach().double()
    weight[:units], bias[:units] = 0.0, 0.0
    bias[0] = 1.0  # a constant
    out = torch.zeros(table.shape[1], first.out_features, dtype=torch.float64, device=points.device)
    floor = math.log(_FLOOR / (1 - _FLOOR))
    target = share.argmax(0)
    top = share.amax(0).clamp(_FLOOR, 1 - _FLOOR).logit()
    height = top - floor  # of each hat: where only one of them stands, the bias is at its floor
    out[:, 0] = torch.where(share.amax(0) > 0, top - 2 * height, floor)
    start = 1
    for axis, values in enumerate(axes):
        # A kink at every coordinate, and one before the first so that the first can have a hat too.
        ends = values[:1] - 1.0, values[-1:] + 1.0
        kinks = torch.cat([ends[0], values])
        stop = start + len(kinks)
        weight[start:stop, axis], bias[start:stop] = 1.0, -kinks
        around = torch.cat([*ends[:1], values, ends[1]])
        for head in (share.amax(0) > 0).nonzero()[:, 0].tolist():
            i = int((values - points[target[head], axis]).abs().argmin())
            rise, fall = 1 / (around[i + 1] - around[i]), 1 / (around[i + 2] - around[i + 1])
            out[head, start + i] += height[head] * rise
            out[head, start + i + 1] -= height[head] * (rise + fall)
            if i + 2 < len(kinks):  # past the last coordinate there is nothing to bring back to zero
                out[head, start + i + 2] += height[head] * fall
        start = stop
    first.weight.detach().copy_(weight)
    first.bias.detach().copy_(bias)
    last.weight.detach().copy_(out)
