"""Ways of having fewer tokens: merged by learned weights, kept at random or by attention, or averaged over the grid.

Shapes: ``B`` images, ``P`` prefix tokens first, ``N`` patch tokens before and ``M`` behind, ``D`` width.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from headstart.errors import HeadstartError

__all__ = ["REDUCERS", "Pooled", "RandomKept", "Reducer", "TokenSlim", "TopK", "cells"]


class Reducer(nn.Module, ABC):
    """(B, P + N, D) → (B, P + M, D): the patch tokens become fewer, the prefix tokens stay as they are.

    Args:
        tokens: N, which is fixed: weights and buffers are made for it.
        kept: M.
        prefix: P, class and register tokens.

    Raises :class:`~headstart.errors.HeadstartError` when it gets another number of tokens.
    """

    scored: ClassVar[bool] = False  # whether ``forward`` wants a score of each patch token

    def __init__(self, tokens: int, kept: int, prefix: int) -> None:
        super().__init__()
        self.tokens, self.kept, self.prefix = tokens, kept, prefix

    @abstractmethod
    def reduce(self, patches: Tensor, scores: Tensor | None) -> Tensor:
        """(B, N, D) → (B, M, D); ``scores`` (B, N) where the reducer wants some."""

    def forward(self, tokens: Tensor, scores: Tensor | None = None) -> Tensor:
        if tokens.shape[1] != self.prefix + self.tokens:
            raise HeadstartError(
                f"a slim ViT is made for one number of tokens: expected {self.prefix} + {self.tokens} of them here, "
                f"got {tokens.shape[1]}; use images of the size it was slimmed for, or slim a model of the new size."
            )
        return torch.cat([tokens[:, : self.prefix], self.reduce(tokens[:, self.prefix :], scores)], dim=1)

    def extra_repr(self) -> str:
        return f"{self.tokens} → {self.kept} tokens"


class TokenSlim(Reducer):
    """The token slimming module, TSM (2111.12624): every token that is left is a learned mean of all there were.

    ::

        Z = W₂ GELU(W₁ LN(X))                 (B, N, M), with W₁ (⌊D/2⌋, D) and W₂ (M, ⌊D/2⌋), both with a bias
        Â = softmax(s · Z) over the N tokens   each of the M columns sums to 1; s, a number, is learned from 1 on
        X̂ = Âᵀ X                               (B, M, D)

    Linear layers start as in the released code: normal with std 0.02, cut off at ±2, and no bias. So at first all
    columns are near 1/N, and all new tokens near the mean of the old ones. W₂'s bias adds one number to a whole column,
    which changes nothing; it is there because the released weights have it.
    """

    def __init__(self, tokens: int, kept: int, prefix: int, width: int) -> None:
        super().__init__(tokens, kept, prefix)
        self.norm = nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, width // 2), nn.Linear(width // 2, kept)
        self.scale = nn.Parameter(torch.ones(()))
        for layer in (self.fc1, self.fc2):
            nn.init.trunc_normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def assignment(self, patches: Tensor) -> Tensor:
        """Â, (B, N, M): how much of each token goes into each new one."""
        return (self.scale * self.fc2(nn.functional.gelu(self.fc1(self.norm(patches))))).softmax(dim=1)

    def reduce(self, patches: Tensor, scores: Tensor | None = None) -> Tensor:
        return self.assignment(patches).transpose(1, 2) @ patches


class RandomKept(Reducer):
    """M random tokens, the others dropped: positions drawn once, the same for all images, in training and after.

    They are a buffer that is saved with the model, so evaluation has no chance in it. A new draw for each image would
    be noise that a model is trained with and not used with. Drawn from torch's global state unless a ``generator`` is
    handed in.
    """

    positions: Tensor

    def __init__(self, tokens: int, kept: int, prefix: int, generator: torch.Generator | None = None) -> None:
        super().__init__(tokens, kept, prefix)
        drawn = torch.randperm(tokens, generator=generator)[:kept].sort().values
        self.register_buffer("positions", drawn)

    def reduce(self, patches: Tensor, scores: Tensor | None = None) -> Tensor:
        return patches[:, self.positions]


class TopK(Reducer):
    """The M tokens with the highest scores, in the order in which they stood, the others dropped.

    The score is the attention that a token receives in the block before: see
    :func:`~headstart.models.slimming.attention_received`. As EViT
    (2202.07800), which puts its selection between attention and MLP and keeps one mean of the dropped tokens.
    """

    scored = True

    def __init__(self, tokens: int, kept: int, prefix: int, class_token: bool) -> None:
        super().__init__(tokens, kept, prefix)
        self.class_token = class_token  # whether the first prefix token is one, whose attention is the score

    def reduce(self, patches: Tensor, scores: Tensor | None) -> Tensor:
        if scores is None or scores.shape != patches.shape[:2]:
            got = None if scores is None else tuple(scores.shape)
            raise HeadstartError(f"topk: expected a score of each token, {tuple(patches.shape[:2])}, got {got}.")
        best = scores.topk(self.kept, dim=1).indices.sort(dim=1).values
        return patches.gather(1, best[:, :, None].expand(-1, -1, patches.shape[2]))


class Pooled(Reducer):
    """Means of neighbours on the grid: the image is cut into M cells, and each new token is the mean over its cell.

    A quarter of the tokens of a grid with even sides are the means of 2×2 neighbours; :func:`cells` has the rest. Where
    a cell cuts an old token's in two, each gets its share by area, a row of ``windows`` (M, N), which sums to 1.
    """

    windows: Tensor

    def __init__(self, tokens: int, kept: int, prefix: int, before: Tensor, after: Tensor) -> None:
        super().__init__(tokens, kept, prefix)
        self.register_buffer("windows", shares(before, after).float(), persistent=False)

    def reduce(self, patches: Tensor, scores: Tensor | None = None) -> Tensor:
        return self.windows @ patches


REDUCERS: dict[str, type[Reducer]] = {"merge": TokenSlim, "random": RandomKept, "topk": TopK, "pool": Pooled}


def cells(count: int, grid: tuple[int, int]) -> Tensor:
    """An image of ``grid`` cut into ``count`` cells of one area: their top, bottom, left, right, in [0, 1], (count, 4).

    In round(√(count · height / width)) rows, the i-th of r holding ⌊(i+1)·count/r⌋ − ⌊i·count/r⌋ cells. Rows are of one
    height, so the area is the same where all hold as many, and nearly so elsewhere. ``cells(h·w, (h, w))`` is the grid.

    >>> cells(2, (2, 4)).tolist()
    [[0.0, 1.0, 0.0, 0.5], [0.0, 1.0, 0.5, 1.0]]
    """
    rows = min(count, max(1, round(math.sqrt(count * grid[0] / grid[1]))))
    found = []
    for row in range(rows):
        columns = (row + 1) * count // rows - row * count // rows
        found += [[row / rows, (row + 1) / rows, c / columns, (c + 1) / columns] for c in range(columns)]
    return torch.tensor(found, dtype=torch.float64)


def shares(before: Tensor, after: Tensor) -> Tensor:
    """Which share of each cell of ``after`` (M, 4) lies in each of ``before`` (N, 4): (M, N), rows sum to 1."""

    def along(first: int, second: int) -> Tensor:
        ends = torch.minimum(after[:, None, second], before[None, :, second])
        return (ends - torch.maximum(after[:, None, first], before[None, :, first])).clamp(min=0)

    area = along(0, 1) * along(2, 3)
    return area / area.sum(dim=1, keepdim=True)
