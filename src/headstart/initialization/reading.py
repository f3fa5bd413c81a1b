"""How a token's position code is read from what a block receives: the matrix ``read`` (D, C) with x_p @ read ≈ z_p.

By construction when the embedding may be set; by ridge regression from any inputs, real ones above all.
Shapes: ``T`` patches, ``N`` tokens, ``D`` width, ``C`` channels of a code (F cosines, then F sines).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["embed", "ridge"]


def embed(tables: list[Tensor], width: int, std: float) -> tuple[Tensor, list[Tensor]]:
    """An embedding (T, D) of root mean square ``std`` that carries code ``tables`` (T, C) side by side, and how to read each.

    Table i of m gets D/m channels of its own, its phases advanced by 2πi/m. When all tables are the same (and m ≥ 2) the
    channels of each row sum to exactly zero and all rows have one norm: LayerNorm then only scales the embedding to root
    mean square one, which is the scale that ``read`` expects.
    """
    share = width // len(tables)
    table = torch.zeros(len(tables[0]), width, dtype=torch.float64, device=tables[0].device)
    turns = []
    for i, z in enumerate(tables):
        turn, eye = 2 * math.pi * i / len(tables), torch.eye(z.shape[1] // 2).to(z)
        cos, sin = eye * math.cos(turn), eye * math.sin(turn)
        turns.append(torch.cat([torch.cat([cos, sin], 1), torch.cat([-sin, cos], 1)]))
        table[:, i * share : i * share + z.shape[1]] = z @ turns[i]
    rms = table.square().mean().sqrt()
    reads = []
    for i, turn_matrix in enumerate(turns):
        read = torch.zeros(width, len(turn_matrix)).to(table)
        read[i * share : i * share + len(turn_matrix)] = turn_matrix.T * rms  # a rotation's inverse is its transpose
        reads.append(read)
    return table * (std / rms), reads


def ridge(x: Tensor, z: Tensor, strength: float = 1e-3) -> Tensor:
    """Ridge regression (XᵀX/n + λI)⁻¹ XᵀZ/n of targets ``z`` (…, N, C) on inputs ``x`` (images, N, D): (…, D, C).

    λ is ``strength`` times the mean of XᵀX/n's diagonal; float64, one Cholesky factor.
    """
    n = x.shape[0] * x.shape[1]
    x = x.double()
    gram = x.flatten(0, 1).T @ x.flatten(0, 1) / n
    cross = x.mean(0).T @ z.to(x) / x.shape[1]
    gram.diagonal().add_(strength * gram.diagonal().mean())
    return torch.cholesky_solve(cross, torch.linalg.cholesky(gram))
