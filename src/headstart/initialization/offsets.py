"""Which patch each head looks at: the offsets (dy, dx) of a block's heads, and the targets they give.

An impulse filter of a k×k window is a shift by one of its k² offsets (2401.12511, 2404.01139).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from headstart.errors import HeadstartError, unknown
from headstart.initialization.draw import Draw

__all__ = ["Offsets", "block_offsets", "check_kernel", "paired", "window"]

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


def paired(rule: Any) -> Any:
    """Offsets written without pairs, dy, dx, dy, dx, …, in pairs; any other rule as it is.

    >>> paired((0, 0, 0, 1)), paired("cycle")
    (((0, 0), (0, 1)), 'cycle')
    """
    flat = isinstance(rule, tuple) and len(rule) % 2 == 0 and all(isinstance(part, int) for part in rule)
    return tuple(zip(rule[::2], rule[1::2], strict=True)) if flat else rule


def block_offsets(
    rule: Offsets, kernel: int, heads: Sequence[int], grids: Sequence[tuple[int, int]], draw: Draw
) -> list[Tensor]:
    """The offset of every head, for each block (H, 2) as (dy, dx) in patches.

    ``heads`` and ``grids`` say, block by block, how many heads there are and which grid they see. ``"random"`` draws
    without repetition inside a block until the window is used up; ``"cycle"`` goes on through the window from block to
    block; ``"released"`` gives head h entry h mod 9 of a fixed 3×3 order in every block, as 2505.19985 does; else the
    offsets themselves, (H, 2) or one such list for each block. Where later blocks see a smaller window than the kernel,
    as in the last stage of a small Swin, offsets stop at its edge. Explicit offsets leave the kernel unused.
    """
    if not isinstance(rule, str):
        return _explicit(rule, heads, grids)
    check_kernel(kernel, grids[0])
    limits = [torch.tensor(grid) - 1 for grid in grids]
    found = _by_rule(rule, kernel, heads, draw)
    return [block.clamp(-limit, limit) for block, limit in zip(found, limits, strict=True)]


def _by_rule(rule: str, kernel: int, heads: Sequence[int], draw: Draw) -> list[Tensor]:
    if rule not in _RULES:
        raise unknown("offsets", rule, _RULES)
    offsets = torch.tensor(window(kernel))
    size = len(offsets)
    if rule == "released":
        if kernel != 3:
            raise HeadstartError(f"offsets='released' is defined for kernel 3, got {kernel}; use 'cycle' or 'random'.")
        return [offsets[torch.arange(count) % size] for count in heads]
    if rule == "cycle":
        return list(offsets[torch.arange(sum(heads)) % size].split(list(heads)))
    rounds = [-(-count // size) for count in heads]
    return [
        offsets[torch.cat([draw.permutation(size) for _ in range(times)])[:count]]
        for times, count in zip(rounds, heads, strict=True)
    ]


def _explicit(rule: Sequence, heads: Sequence[int], grids: Sequence[tuple[int, int]]) -> list[Tensor]:
    offsets = [_pairs(rule)] * len(heads)
    # Where it is not one list of pairs, it may be one for each block.
    if len(offsets[0]) == 0 and hasattr(rule, "__len__") and len(rule) == len(heads):
        offsets = [_pairs(block) for block in rule]
    if [len(block) for block in offsets] != list(heads):
        count = f"{heads[0]} heads" if len(set(heads)) == 1 else f"heads ({', '.join(map(str, heads))} in its blocks)"
        raise HeadstartError(
            f"explicit offsets must be integers (dy, dx), one for each of the {count}, or {len(heads)} such lists, "
            f"one for each block; got {rule!r}."
        )
    for block, grid in zip(offsets, grids, strict=True):
        if (block.abs() > torch.tensor(grid) - 1).any():
            raise HeadstartError(f"explicit offsets must stay inside the {grid[0]}×{grid[1]} grid; got {rule!r}.")
    return offsets


def _pairs(rule: Any) -> Tensor:
    """Pairs of integers as (n, 2); empty if they are anything else."""
    try:
        offsets = torch.tensor(rule)
    except (TypeError, ValueError, RuntimeError):
        return torch.empty(0)
    fits = offsets.ndim == 2 and offsets.shape[1] == 2 and not offsets.is_floating_point()
    return offsets if fits else torch.empty(0)
