"""Queries and keys that look at content: a patch attends to patches like itself, wherever they are.

Shapes: ``D`` width, ``H`` heads, ``R`` head dim, ``L`` blocks.
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.attention import AttentionView, BlockView
from headstart.errors import HeadstartError
from headstart.initialization.draw import Draw
from headstart.initialization.values import split

__all__ = ["MIX", "among_content", "check_content", "content_places", "mimetic_qk", "write_content"]

MIX = (0.7, 0.7)  # α and β of 2305.09828


def mimetic_qk(width: int, heads: int, head_dim: int, alpha: float, beta: float, draw: Draw) -> tuple[Tensor, Tensor]:
    """Q and K (H, D, R), Q Kᵀ the best rank-R part of α·Z + β·I in each head (2305.09828).

    The entries of Z are independent and uniform in ±√(3/D), of variance 1/D. Each factor has the square root of every
    singular value.
    """
    product = alpha * (3 / width) ** 0.5 * draw.uniform(heads, width, width)
    product.diagonal(dim1=1, dim2=2).add_(beta)
    q, k = split(product, head_dim)
    return q, k.transpose(1, 2)


def content_places(heads: list[int], count: int) -> list[list[int]]:
    """Which ``count`` heads of each block look at content: in turn, so that from block to block other ones do."""
    return [sorted((index + j) % of for j in range(count)) for index, of in enumerate(heads)]


def among_content(offsets: Tensor, heads: int, content: list[int]) -> Tensor:
    """The ``offsets`` of those heads that have one, with (0, 0) between them for the others: (H, 2)."""
    found = offsets.new_zeros(heads, 2)
    found[[head for head in range(heads) if head not in content]] = offsets
    return found


def check_content(count: int, view: AttentionView) -> None:
    """Raise HeadstartError unless ``count`` heads of each block can look at content, and others are left."""
    fewest = min(block.heads for block in view.blocks)
    if count >= fewest:
        raise HeadstartError(
            f"content_heads: expected fewer than the {fewest} heads of a block, got {count}; "
            "for all heads use 'mimetic'."
        )
    why = "normalises queries and keys" if any(block.has_qk_norm for block in view.blocks) else None
    if view.source not in ("learned", "fixed"):
        why = f"is told positions in another way ({view.source})"
    if why is not None:
        raise HeadstartError(
            "content_heads needs an absolute position embedding, and queries and keys that are not normalised, but "
            f"{type(view.model).__name__} {why}: leave content_heads out."
        )


def write_content(block: BlockView, places: list[int], draw: Draw) -> None:
    """Give the heads at ``places`` the queries and keys of mimetic initialization; the others keep theirs."""
    q, k = (block.read(name).double() for name in ("q", "k"))
    at = torch.tensor(places, device=q.device)
    q[at], k[at] = mimetic_qk(block.width, len(places), block.head_dim, *MIX, draw)
    block.write("q", q)
    block.write("k", k)
