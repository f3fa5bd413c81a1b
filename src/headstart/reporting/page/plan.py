"""How many attention maps fit on a page, chosen before any is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["BUDGET", "Plan", "Size", "plan_maps"]

BUDGET = 3_800_000  # bytes of text for the maps of all arms; the page is to stay under 5 MB with all else
IMAGES = 4


@dataclass(frozen=True)
class Size:
    """A model's maps: ``heads`` of each block, ``tokens`` N of every map, and moments that can be had."""

    heads: tuple[int, ...]
    tokens: int
    moments: int


@dataclass(frozen=True)
class Plan:
    """What of an arm's maps goes onto the page: so many images, and these moments and blocks, in order."""

    images: int
    moments: tuple[int, ...]
    blocks: tuple[int, ...]


def plan_maps(size: Size, budget: int = BUDGET) -> Plan | None:
    """As much as fits into ``budget`` bytes; None where one image of one block at the two ends does not.

    What is given up first: images (down to two), then moments between the ends, then the second image, then blocks,
    of which the first and the last stay longest.

    >>> plan_maps(Size((3,) * 12, 64, 4))
    Plan(images=4, moments=(0, 1, 2, 3), blocks=(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11))
    >>> plan_maps(Size((6,) * 12, 197, 4))
    Plan(images=1, moments=(0, 3), blocks=(0, 2, 4, 7, 9, 11))
    """
    every, blocks = tuple(range(size.moments)), len(size.heads)
    ends = tuple(sorted({0, size.moments - 1}))
    choices = [(images, every, blocks) for images in range(IMAGES, 1, -1)]
    choices += [(2, ends, blocks), (1, every, blocks)]
    choices += [(1, ends, kept) for kept in range(blocks, 0, -1)]
    for images, moments, kept in choices:
        shown = _spread(blocks, kept)
        if images * len(moments) * _text_bytes([size.heads[b] for b in shown], size.tokens) <= budget:
            return Plan(images, moments, shown)
    return None


def _spread(count: int, kept: int) -> tuple[int, ...]:
    """``kept`` of ``count`` blocks, evenly from the first to the last."""
    if kept == 1:
        return (count - 1,)
    return tuple(sorted({round(index * (count - 1) / (kept - 1)) for index in range(kept)}))


def _text_bytes(heads: Sequence[int], tokens: int) -> int:
    """Base64 of one image's maps at one moment: a byte for each pair of tokens and two for each row's largest."""
    return 4 * (-(-sum(heads) * tokens * (tokens + 2) // 3) + 2)
