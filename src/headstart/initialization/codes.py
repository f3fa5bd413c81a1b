"""Position codes in which a shift is a rotation.

z_p = (√w_f cos k_f·p, √w_f sin k_f·p)_f, with Σ w_f = 1. Then ⟨z_p, z_q⟩ = κ(p − q) = Σ_f w_f cos k_f·(p − q) depends
on the difference alone, is largest (1) at zero, and z_{p+δ} = R_δ z_p for a rotation R_δ of each (cos, sin) pair.

Shapes: ``T`` patches, ``F`` frequencies, ``C`` = 2F channels (all cosines, then all sines).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from headstart.positions import grid_points, harmonic_frequencies

__all__ = ["Code", "harmonic"]


@dataclass(frozen=True)
class Code:
    """Frequencies k (F, 2) in radians per patch (y, x), and weights w (F,) that sum to one; float64."""

    frequencies: Tensor
    weights: Tensor

    def at(self, points: Tensor) -> Tensor:
        """Z at ``points`` (n, 2): (n, C)."""
        angles = points.to(self.frequencies) @ self.frequencies.T
        return torch.cat([angles.cos(), angles.sin()], -1) * self.weights.sqrt().repeat(2)

    def on(self, grid: tuple[int, int]) -> Tensor:
        """Z at every patch of a grid: (T, C)."""
        return self.at(grid_points(grid).to(self.frequencies.device))

    def rotation(self, offset: Tensor) -> Tensor:
        """The matrix M (C, C) with z_{p+offset} = z_p @ M."""
        angles = self.frequencies @ offset.to(self.frequencies)
        cos, sin = angles.cos().diag(), angles.sin().diag()
        return torch.cat([torch.cat([cos, sin], 1), torch.cat([-sin, cos], 1)], 0)

    def to(self, device: torch.device) -> Code:
        return Code(self.frequencies.to(device), self.weights.to(device))


def harmonic(grid: tuple[int, int], channels: int, reach: int) -> Code:
    """The harmonic code with equal weights on ``channels``//2 frequencies of low coherence."""
    frequencies = harmonic_frequencies(grid, max(channels // 2, 1), reach)
    return Code(frequencies, torch.full((len(frequencies),), 1 / len(frequencies), dtype=torch.float64))
