"""Absolute position codes on a patch grid, as plain tensors.

Shapes: ``N`` = height·width positions in row-major order, ``D`` width, ``F`` frequencies, ``H`` heads, ``R`` head dim.
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from headstart.errors import HeadstartError

__all__ = [
    "grid_points",
    "harmonic_code",
    "harmonic_embedding",
    "harmonic_frequencies",
    "side_by_side",
    "sincos_embedding",
]


def grid_points(grid: tuple[int, int]) -> Tensor:
    """The positions (y, x) of a grid in row-major order, float64, shape (N, 2)."""
    y, x = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij")
    return torch.stack([y.flatten(), x.flatten()], dim=-1).double()


def sincos_embedding(grid: tuple[int, int], width: int, temperature: float = 10_000.0) -> Tensor:
    """Fixed 2-D sin-cos embedding, shape (N, D), float64, layout [sin x, cos x, sin y, cos y].

    The D/4 frequencies of each axis are ω_i = temperature^(−i/(D/4−1)) radians per patch, as in 2401.12511.
    """
    if width % 4:
        raise HeadstartError(f"a sin-cos position embedding needs a width divisible by 4, got {width}.")
    count = width // 4
    omega = temperature ** -(torch.arange(count).double() / max(count - 1, 1))
    y, x = (grid_points(grid)[:, axis, None] * omega for axis in (0, 1))
    return torch.cat([x.sin(), x.cos(), y.sin(), y.cos()], dim=-1)


def harmonic_frequencies(grid: tuple[int, int], count: int, reach: int = 2) -> Tensor:
    """``count`` frequency vectors (radians per patch; y, x) of low coherence, shape (F, 2), float64.

    They are integer vectors 2πk/M of a torus with sides M ≥ side + reach, so that an offset of up to ``reach`` patches
    beyond the edge meets no position of the grid, and no two are equal up to sign. Of many subsets the one
    is kept whose autocorrelation κ(Δ) = (1/F) Σ_f cos(k_f·Δ) has the lowest peak away from Δ = 0, over all shifts
    between two positions of the grid; then single exchanges lower it further. Deterministic.
    """
    return _harmonic_frequencies(tuple(grid), count, reach).clone()  # what is kept for the next caller stays as it is


@functools.lru_cache(maxsize=64)
def _harmonic_frequencies(grid: tuple[int, ...], count: int, reach: int) -> Tensor:
    # Odd sides have no self-conjugate frequency (whose sine would vanish on the grid).
    sides = [side + reach + (side + reach + 1) % 2 for side in grid]
    while (math.prod(sides) - 1) // 2 < count:
        sides = [side + 2 for side in sides]
    half = [side // 2 for side in sides]
    pool = torch.tensor(
        [(ky, kx) for ky in range(half[0] + 1) for kx in range(-half[1], half[1] + 1) if (ky, kx) > (0, 0)],
        dtype=torch.float64,
    )
    pool = pool * 2 * math.pi / torch.tensor(sides, dtype=torch.float64)
    # κ is even in Δ, so half of the shifts suffice; Δ = 0 is the peak itself.
    shifts = [(dy, dx) for dy in range(grid[0]) for dx in range(1 - grid[1], grid[1]) if (dy, dx) > (0, 0)]
    if not shifts:
        return pool[:count]
    waves = torch.cos(pool @ torch.tensor(shifts, dtype=torch.float64).T)  # (pool, shifts)
    generator = torch.Generator().manual_seed(0)
    tries = torch.stack([torch.randperm(len(pool), generator=generator) for _ in range(200)])
    order = tries[torch.stack([waves[t[:count]].sum(0).max() for t in tries]).argmin()]
    chosen, spare = order[:count].clone(), order[count:].clone()
    for slot in range(count if len(spare) else 0):
        rest = waves[chosen].sum(0) - waves[chosen[slot]]
        peaks = (rest + waves[spare]).max(dim=1).values
        best = int(peaks.argmin())
        if peaks[best] < (rest + waves[chosen[slot]]).max():
            chosen[slot], spare[best] = spare[best].clone(), chosen[slot].clone()
    return pool[chosen.sort().values]


def harmonic_code(points: Tensor, frequencies: Tensor) -> Tensor:
    """z_p = (cos k_f·p, sin k_f·p)_f / √F for ``points`` (N, 2): shape (N, 2F), each row of length one.

    A shift is an exact rotation of the code, and ⟨z_p, z_q⟩ = κ(p − q) depends on the difference alone.
    """
    angles = points @ frequencies.T
    return torch.cat([angles.cos(), angles.sin()], dim=-1) / math.sqrt(len(frequencies))


def side_by_side(tables: list[Tensor], width: int, std: float) -> tuple[Tensor, list[Tensor]]:
    """An embedding (N, D) of root mean square ``std`` that carries code ``tables`` (N, C), and how to read each (D, C).

    Table i of m gets D/m channels of its own, its phases advanced by 2πi/m. When all tables are the same (and m ≥ 2)
    the channels of each row sum to exactly zero and all rows have one norm: LayerNorm then only scales the embedding
    to root mean square one, which is the scale that ``read`` expects.
    """
    share = width // len(tables)
    if tables[0].shape[1] > share:
        raise HeadstartError(
            f"a position code of {tables[0].shape[1]} channels does not fit a head of {share}; use fewer heads."
        )
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


def harmonic_embedding(grid: tuple[int, int], heads: int, head_dim: int, reach: int = 2) -> Tensor:
    """One harmonic code per head side by side, shape (N, H·R), float64, root mean square one.

    With an odd head dim the last channel of each head stays zero.
    """
    frequencies = harmonic_frequencies(grid, max(head_dim // 2, 1), reach)
    return side_by_side([harmonic_code(grid_points(grid), frequencies)] * heads, heads * head_dim, 1.0)[0]
