"""A small network that looks at an image and says how it is to be augmented."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Reader"]


class Reader(nn.Module):
    """Images (B, C, H, W) → ``outputs`` numbers each, float32 (B, outputs); all nought before the first step.

    Two convolutions of 3×3 with steps of two, C → ``width`` → ``width``, each with a GELU, the mean over the grid, and
    a linear layer that starts at nought: at first every image is treated alike.

    Args:
        channels: C.
        outputs: how many numbers.
        width: channels between.
        blind: show it nothing, so that it says the same of every image: what looking is worth.
    """

    def __init__(self, channels: int, outputs: int, width: int, blind: bool = False) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, stride=2, padding=1)
        self.second = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.head = nn.Linear(width, outputs)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.blind = blind

    def forward(self, images: Tensor) -> Tensor:
        seen = torch.zeros_like(images) if self.blind else images.detach()
        maps = F.gelu(self.second(F.gelu(self.first(seen))))
        return self.head(maps.mean(dim=(2, 3))).float()
