"""How far heads look, in patches.

Shapes: ``H`` heads, ``N`` tokens, prefix tokens first.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["attention_distance", "uniform_distance"]


def attention_distance(attention: Tensor, grid: tuple[int, int], prefix: int = 0) -> Tensor:
    """Mean distance from a patch to what it looks at, in patches: mean maps (H, N, N) → (H,).

    (1/T) Σ_i Σ_j ā_ij ‖p_i − p_j‖ with p the patches' (row, column) and ā_ij the share of patch i's attention to
    patches that goes to j; what goes to prefix tokens has no distance. The measure of 2010.11929, there in pixels.
    """
    h, w = grid
    places = torch.cartesian_prod(torch.arange(h), torch.arange(w)).to(attention)
    patches = attention[..., prefix:, prefix:]
    shares = patches / patches.sum(-1, keepdim=True).clamp(min=1e-12)
    return (shares * torch.cdist(places, places)).sum(-1).mean(-1)


def uniform_distance(grid: tuple[int, int]) -> float:
    """The distance of a head that looks at all patches alike.

    >>> uniform_distance((1, 2))
    0.5
    """
    count = grid[0] * grid[1]
    return attention_distance(torch.ones(1, count, count), grid).item()
