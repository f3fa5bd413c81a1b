"""Swin-v2's continuous relative bias (2111.09883): a small network maps an offset to a bias, here made to fit a table.

b(δ) = 16·σ(MLP(c(δ))), c(δ) the offset on a logarithmic scale, MLP two layers with a ReLU between.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from headstart.attention.block import RelativeBias

__all__ = ["HIGHEST", "continuous_bias", "fit_network"]

HIGHEST = 16.0  # the bias the network can give at most; at least is zero
_FLOOR = 1e-3  # of HIGHEST: what stands for zero, which the sigmoid only nears
_KINKS = 3.0  # how much steeper the hidden units are than the library's start


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
    """Set the two layers so that 16·σ(MLP(coordinates (n, 2))) is ``table`` (n, H), by least squares.

    Hidden units are given kinks along random directions through random table points, as many as there are units; the
    last layer then solves for the logits of the wanted biases, clipped to (0, 16).
    """
    points = coordinates.double()
    share = (table.double() / HIGHEST + _FLOOR).clamp(max=1 - _FLOOR)  # differences are what counts
    wanted = torch.log(share / (1 - share))
    units = first.out_features
    generator = torch.Generator().manual_seed(0)  # where kinks lie is no part of the random start
    angle = torch.rand(units, generator=generator, dtype=torch.float64) * 2 * torch.pi
    direction = _KINKS * torch.stack([angle.cos(), angle.sin()], 1).to(points)
    through = points[torch.randint(len(points), (units,), generator=generator).to(points.device)]
    jitter = 0.1 * torch.randn(units, 2, generator=generator, dtype=torch.float64).to(points)
    offset = -(direction * (through + jitter)).sum(1)
    first.weight.detach().copy_(direction)
    first.bias.detach().copy_(offset)
    weight, bias = first.weight.detach().double(), first.bias.detach().double()
    hidden = (points @ weight.T + bias).relu()
    gram = hidden @ hidden.T
    gram.diagonal().add_(1e-9 * gram.diagonal().mean())
    last.weight.detach().copy_((hidden.T @ torch.linalg.solve(gram, wanted)).T)
