"""From the tokens that are left back to all there were: the reverse token slimming module (2111.12624).

Shapes: ``B`` images, ``N`` tokens of the teacher, ``M`` of the student, ``D`` width.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ReverseSlim"]

RATIO = 4  # of both MLPs


class ReverseSlim(nn.Module):
    """RTSM: M slim tokens → as many as the teacher has, to be compared with the teacher's; there in training alone.

    ::

        X'  = W₂ GELU(W₁ LN(X̂)ᵀ)ᵀ            (B, N, D): an MLP over the tokens, M → 4·N → N
        X'' = X' + W₄ GELU(W₃ LN(X'))         an MLP over the channels, D → 4·D → D

    Starts as in the released code: linear layers normal with std 0.02, cut off at ±2, and no bias.
    """

    def __init__(self, kept: int, tokens: int, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.tokens1, self.tokens2 = nn.Linear(kept, RATIO * tokens), nn.Linear(RATIO * tokens, tokens)
        self.channels1, self.channels2 = nn.Linear(width, RATIO * width), nn.Linear(RATIO * width, width)
        for layer in (self.tokens1, self.tokens2, self.channels1, self.channels2):
            nn.init.trunc_normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def forward(self, slim: Tensor) -> Tensor:
        """(B, M, D) → (B, N, D)."""
        x = self.tokens2(F.gelu(self.tokens1(self.norm1(slim).transpose(1, 2)))).transpose(1, 2)
        return x + self.channels2(F.gelu(self.channels1(self.norm2(x))))
