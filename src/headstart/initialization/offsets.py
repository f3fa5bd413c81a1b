"""Which patch each head looks at: the offsets (dy, dx) of a block's heads, and the targets they give.

An impulse filter of a k×k window is a shift by one of its k² offsets (2401.12511, 2404.01139).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from headstart.errors import HeadstartError, unknown
from headstart.initialization.draw import Draw

__all__ = ["Offsets", "block_offsets", "check_kernel", "window"]

# A rule's name, one (dy, dx) per head for all blocks, or one such list per block.
Offsets = str | Sequence[Sequence[int]] | Sequence[Sequence[Sequence[int]]]

# Centre, up, right, left, down, then the diagonals: the order of the released code of 2505.19985.
_RELEASED = ((0, 0), (-1, 0), (0, 1), (0, -1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1))
_RULES = ("random", "cycle", "released")


def window(kernel: int) -> list[tuple[int, int]]:
    """All offsets of a k×k window, nearest first; for k = 3 in the released order."""
    if kernel == 3:
        return list(_RELEASED)
    reach = kernel // 2
    offsets = [(dy, dx) for dy in range(-reach, reach + 1) for dx in range(-reach, reach + 1)]
    return sorted(offsets, key=lambda o: (o[0] ** 2 + o[1] ** 2, abs(o[0]), o))


def check_kernel(kernel: int, grid: tuple[int, int]) -> None:
    if kernel < 1 or kernel % 2 == 0:
        raise HeadstartError(f"kernel must be an odd number ≥ 1, so that it has a centre; got {kernel}.")
    if kernel > min(grid):
        raise HeadstartError(
            f"kernel {kernel} is wider than the {grid[0]}×{grid[1]} grid of patches; choose at most "
            f"{min(grid) - (min(grid) + 1) % 2}, or smaller patches."
        )


def block_offsets(rule: Offsets, kernel: int, blocks: int, heads: int, grid: tuple[int, int], draw: Draw) -> Tensor:
    """The offset of every head, (blocks, H, 2) as (dy, dx) in patches.

    ``"random"`` draws without repetition inside a block until the window is used up; ``"cycle"`` goes on through the
    window from block to block; ``"released"`` gives head h entry h mod 9 of a fixed 3×3 order in every block, as
    2505.19985 does; else the offsets themselves, (H, 2) or (blocks, H, 2).
    """
    check_kernel(kernel, grid)
    if not isinstance(rule, str):
        return _explicit(rule, blocks, heads, grid)
    if rule not in _RULES:
        raise unknown("offsets", rule, _RULES)
    offsets = torch.tensor(window(kernel))
    size = len(offsets)
    if rule == "released":
        if kernel != 3:
            raise HeadstartError(f"offsets='released' is defined for kernel 3, got {kernel}; use 'cycle' or 'random'.")
        return offsets[torch.arange(heads) % size].expand(blocks, heads, 2).clone()
    if rule == "cycle":
        return offsets[torch.arange(blocks * heads) % size].view(blocks, heads, 2)
    rounds = -(-heads // size)
    orders = [torch.cat([draw.permutation(size) for _ in range(rounds)])[:heads] for _ in range(blocks)]
    return offsets[torch.stack(orders)]


def _explicit(rule: Sequence, blocks: int, heads: int, grid: tuple[int, int]) -> Tensor:
    try:
        offsets = torch.tensor(rule)
    except (TypeError, ValueError):
        offsets = torch.empty(0)
    if offsets.shape == (heads, 2):
        offsets = offsets.expand(blocks, heads, 2).clone()
    if offsets.shape != (blocks, heads, 2) or offsets.is_floating_point():
        raise HeadstartError(
            f"explicit offsets must be integers (dy, dx), one for each of the {heads} heads, or {blocks} such lists, "
            f"one for each block; got {rule!r}."
        )
    limit = torch.tensor(grid) - 1
    if (offsets.abs() > limit).any():
        raise HeadstartError(f"explicit offsets must stay inside the {grid[0]}×{grid[1]} grid; got {rule!r}.")
    return offsets
