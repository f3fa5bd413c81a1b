"""The simplified ViT of 2210.09221: one layer whose attention knows positions only.

Shapes: ``B`` samples, ``T`` patches of dimension ``d``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from headstart.errors import HeadstartError

__all__ = ["PositionalAttention"]


class PositionalAttention(nn.Module):
    """F(X) = Σ_i σ( Σ_j softmax(A_i)_j ⟨v, X_j⟩ ),   σ(x) = x^p + α·x.

    The scores A (T, T) stand for P Pᵀ, the products of position embeddings; content never enters them. Off its
    diagonal A is learned from N(0, ε²); the diagonal is held at σ_Q = log log d, as in the paper's simulation. v (d,)
    is learned from N(0, ε²). The sign of F is the class.

    Args:
        patches: T.
        dimension: d, at least 3.
        generator: draws the start.
        power: p, odd.
        slope: α.
        std: ε.

    Raises :class:`~headstart.errors.HeadstartError` for an even power, which can't tell the classes apart, and fewer
    than 3 dimensions, where log log d is no start.
    """

    diagonal: Tensor

    def __init__(
        self,
        patches: int,
        dimension: int,
        generator: torch.Generator,
        *,
        power: int = 5,
        slope: float = 0.03,
        std: float = 1e-3,
    ) -> None:
        super().__init__()
        if power < 1 or power % 2 == 0:
            raise HeadstartError(f"power must be odd, so that F(−X) = −F(X); got {power}.")
        if dimension < 3:
            raise HeadstartError(f"dimension must be at least 3, for a diagonal of log log d; got {dimension}.")
        self.power, self.slope, self.std = power, slope, std
        self.between = nn.Parameter(torch.randn(patches, patches, generator=generator) * std)
        self.v = nn.Parameter(torch.randn(dimension, generator=generator) * std)
        self.register_buffer("diagonal", torch.eye(patches) * math.log(math.log(dimension)))

    @property
    def scores(self) -> Tensor:
        """A (T, T), its diagonal as it began."""
        return torch.where(self.diagonal > 0, self.diagonal, self.between)

    @property
    def attention(self) -> Tensor:
        """softmax(A), (T, T)."""
        return self.scores.softmax(dim=-1)

    def forward(self, patches: Tensor) -> Tensor:
        """F of patches (B, T, d): (B,)."""
        seen = (patches @ self.v) @ self.attention.T
        return (seen**self.power + self.slope * seen).sum(dim=-1)

    def forget(self, generator: torch.Generator) -> None:
        """Start v anew, and keep what was learned of positions: how a task of the same structure begins."""
        with torch.no_grad():
            self.v.copy_(torch.randn(len(self.v), generator=generator) * self.std)
