"""Impulses from a rotary embedding: constant queries and keys, which the rotation makes peak at an offset.

A rotary embedding turns plane f of a query or key at patch p by an angle θ_f(p). A key that is the same vector c in
every patch and a query that is c turned by θ_f(δ) meet at ⟨q_p, k_j⟩ = Σ_f w_f cos(θ_f(j) − θ_f(p) − θ_f(δ)), w_f being
c's energy in plane f: largest where j = p + δ.

Shapes: ``N`` tokens, ``T`` patches, ``D`` width, ``H`` heads, ``R`` head dim, ``F`` planes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from headstart.attention import BlockView
from headstart.errors import UnsupportedModel
from headstart.initialization.sincos import sharpest_weights

__all__ = ["Constants", "find_constants"]

_ROWS = 48  # that the weights of the planes are chosen on: enough to see every difference of positions many times


@dataclass(frozen=True)
class Constants:
    """Per head the query and key (H, R) of unit energy, with what they were made from: planes (F, 2), their angles
    (H, T, F) and weights (H, F).
    """

    q: Tensor
    k: Tensor
    planes: Tensor
    angles: Tensor
    weights: Tensor


def find_constants(block: BlockView, targets: Tensor, known: Constants | None = None) -> Constants:
    """Constants for ``targets`` (H, T); ``known`` ones of the same rotation save finding planes and weights again."""
    if known is None:
        planes, angles = _planes(block)
        per_head = [_weights(a, block.patches) for a in angles]
        weights = torch.stack([per_head[h % len(per_head)] for h in range(block.heads)])
        angles = angles.expand(block.heads, -1, -1)
    else:
        planes, angles, weights = known.planes, known.angles, known.weights
    q, k = (torch.zeros(block.heads, block.head_dim, dtype=torch.float64, device=angles.device) for _ in "qk")
    for head, target in enumerate(targets):
        rows = (target >= 0).nonzero()[:, 0]
        turn = angles[head, target[rows]] - angles[head, rows]
        delta = torch.atan2(turn.sin().mean(0), turn.cos().mean(0))
        size = weights[head].sqrt()
        k[head, planes[:, 0]] = size
        q[head, planes[:, 0]] = size * delta.cos()
        q[head, planes[:, 1]] = size * delta.sin()
    return Constants(q, k, planes, angles, weights)


def _planes(block: BlockView) -> tuple[Tensor, Tensor]:
    """The planes (F, 2) that the model's own rotation turns, and by how much: (1 or H, T, F), radians."""
    assert block.rotate is not None
    size = block.prefix + block.patches
    eye = torch.eye(block.head_dim, dtype=torch.float64, device=block.device)[:, None, None]
    turned = block.rotate(eye.expand(-1, -1, size, -1)).double()[:, :, block.prefix :]  # (R, 1 or H, T, R)
    matrix = turned.permute(1, 2, 0, 3)  # row vectors: e_i at patch p becomes matrix[p, i]
    away = matrix.abs().sum(dim=(0, 1)) * (1 - eye[:, 0, 0])
    partner = away.argmax(1)
    first = torch.arange(block.head_dim, device=block.device)
    paired = (away.amax(1) > 1e-6) & (partner[partner] == first)
    planes = torch.stack([first, partner], 1)[paired & (first < partner)]
    if len(planes) == 0:
        raise UnsupportedModel("the rotary embedding turns no plane of queries and keys.")
    i, j = planes.unbind(1)
    return planes, torch.atan2(matrix[..., i, j], matrix[..., i, i])


def _weights(angles: Tensor, patches: int) -> Tensor:
    """Energies w (F,) ≥ 0 of the planes, Σ w = 1, for the sharpest peak."""
    step = max(1, patches // _ROWS)
    rows = torch.arange(0, patches, step, device=angles.device)
    waves = torch.cos(angles[None] - angles[rows, None])  # (rows, T, F)
    return sharpest_weights(waves, rows, len(angles[0]))
