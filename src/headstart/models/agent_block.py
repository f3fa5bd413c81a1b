"""What an agent CNN (2112.03552) is made of: the generalised convolution, a block, a stem.

Shapes: ``B`` images, ``D`` width, ``F`` hidden width of the MLP, ``H`` taps, as many as the ViT has heads.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headstart.errors import HeadstartError

__all__ = ["AgentBlock", "BlockWeights", "Stem", "generalised_conv", "shifts"]

# Strides of the finer stem's two convolutions and of the pooling between them, by the side of a patch.
STRIDES = {2: (1, 1, 1), 4: (1, 1, 2), 8: (2, 1, 2), 16: (2, 2, 2)}


class BlockWeights(NamedTuple):
    """The weights of a block but for its norms; they may be a ViT's."""

    taps: Tensor  # (D out, D in, H): W_h, transposed
    bias: Tensor | None  # (D,)
    fc1: Tensor  # (F, D)
    fc1_bias: Tensor | None  # (F,)
    fc2: Tensor  # (D, F)
    fc2_bias: Tensor | None  # (D,)


def shifts(heads: int) -> list[tuple[int, int]]:
    """The offset (dy, dx) that each tap reads from, in cells: the first H of the k×k around, k = ⌈√H⌉, row by row.

    Where k is even the further row and column are below and to the right, so that a place itself is among the first.

    >>> shifts(3), shifts(6)[-1], shifts(9)[0]
    ([(0, 0), (0, 1), (1, 0)], (0, 1), (-1, -1))
    """
    side = math.isqrt(heads - 1) + 1
    return [(tap // side - (side - 1) // 2, tap % side - (side - 1) // 2) for tap in range(heads)]


def generalised_conv(x: Tensor, taps: Tensor, bias: Tensor | None) -> Tensor:
    """Y = Σ_h Φ_h X W_h + b, Φ_h the ``h``-th of the :func:`shifts`, zeros standing around the map.

    Args:
        x: (B, D in, height, width).
        taps: W_h, (D out, D in, H).
        bias: b, (D out,).
    """
    heads = taps.shape[2]
    side = math.isqrt(heads - 1) + 1
    rows, before = -(-heads // side), (side - 1) // 2
    kernel = F.pad(taps, (0, rows * side - heads)).unflatten(2, (rows, side))
    return F.conv2d(F.pad(x, (before, side - 1 - before, before, rows - 1 - before)), kernel, bias)


class AgentBlock(nn.Module):
    """x + generalised convolution(BN x), then x + MLP(BN x), the MLP as 1×1 convolutions: (B, D, height, width).

    With ``own`` false it has norms alone, and is handed its other weights.
    """

    def __init__(self, width: int, heads: int, hidden: int, own: bool = True) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.own = own
        if own:
            self.taps, self.bias = _weight(width, width, heads), nn.Parameter(torch.zeros(width))
            self.fc1, self.fc1_bias = _weight(hidden, width), nn.Parameter(torch.zeros(hidden))
            self.fc2, self.fc2_bias = _weight(width, hidden), nn.Parameter(torch.zeros(width))

    def weights(self) -> BlockWeights:
        """Its own weights."""
        return BlockWeights(self.taps, self.bias, self.fc1, self.fc1_bias, self.fc2, self.fc2_bias)

    def forward(self, x: Tensor, weights: BlockWeights | None = None) -> Tensor:
        w = self.weights() if weights is None else weights
        x = x + generalised_conv(self.norm1(x), w.taps, w.bias)
        hidden = F.gelu(F.conv2d(self.norm2(x), w.fc1[:, :, None, None], w.fc1_bias))
        return x + F.conv2d(hidden, w.fc2[:, :, None, None], w.fc2_bias)


def _weight(*shape: int) -> nn.Parameter:
    """Xavier's uniform start, as in the released code."""
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(shape)))


class Stem(nn.Sequential):
    """A finer stem, as a ResNet's: (B, C, p·h, p·w) → (B, D, 2h, 2w), twice the ViT's grid on each side.

    For patches of 16 pixels: 7×7 convolution of stride 2 to 64 channels, BN, GELU, 3×3 max-pooling of stride 2, 3×3
    convolution of stride 2. For smaller ones strides fall away, first the pooling's, then the first convolution's,
    which then is a 3×3 one, as ResNets for small images have it.

    Raises :class:`~headstart.errors.HeadstartError` for patches of other sides than 2, 4, 8 and 16.
    """

    def __init__(self, in_channels: int, width: int, patch_size: tuple[int, int], channels: int = 64) -> None:
        if not set(patch_size) <= set(STRIDES):
            raise HeadstartError(
                "the agent's res-like stem halves images down to twice the ViT's grid, so that patches have to have "
                f"sides of {', '.join(map(str, STRIDES))} pixels, got {patch_size}; use stem=base, which has the "
                "patches' own grid."
            )
        (a, b), (c, d), (e, f) = zip(*(STRIDES[side] for side in patch_size), strict=True)
        k, l = (7 if a == 2 else 3), (7 if b == 2 else 3)
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels, channels, (k, l), (a, b), padding=(k // 2, l // 2), bias=False),
            nn.BatchNorm2d(channels),
            nn.GELU(),
        ]
        if (c, d) != (1, 1):
            layers.append(nn.MaxPool2d(3, (c, d), padding=1))
        layers.append(nn.Conv2d(channels, width, 3, (e, f), padding=1))
        super().__init__(*layers)
