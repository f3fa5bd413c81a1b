"""The agent CNN of Bootstrapping ViTs (2112.03552): a CNN that mirrors a ViT layer by layer.

Shapes: ``B`` images, ``D`` width, ``h_i``, ``w_i`` the map of block ``i``, ``K`` classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from headstart.errors import HeadstartError, unknown
from headstart.models.agent_block import AgentBlock, BlockWeights, Stem
from headstart.models.checks import check_whole, sides

__all__ = ["AGENTS", "STEMS", "AgentCNN", "create_agent", "pooled_after"]

# (width, depth, heads, hidden) of the paper's ViT-S and ViT-B.
AGENTS: dict[str, tuple[int, int, int, int]] = {"s": (288, 6, 9, 1152), "b": (384, 12, 6, 1536)}
STEMS = ("res-like", "base")


def pooled_after(depth: int) -> list[int]:
    """Blocks of the finer grid after which the map is halved, twice in all: the end of the first two sub-stages.

    A sub-stage has ⌊depth / 6⌋ blocks, at least one, which gives the paper's [1, 1, 4] and [2, 2, 8].

    >>> pooled_after(6), pooled_after(12), pooled_after(2)
    ([0, 1], [1, 3], [0])
    """
    size = max(1, depth // 6)
    return [block for block in (size - 1, 2 * size - 1) if block < depth - 1]


class AgentCNN(nn.Module):
    """Stem, blocks of :class:`~headstart.models.agent_block.AgentBlock`, BN, GELU, mean over the map, linear layer.

    Args:
        image_size: pixels (height, width).
        patch_size: the ViT's, (height, width).
        num_classes: K.
        width: D, in all blocks.
        depth: number of blocks.
        heads: taps of each generalised convolution.
        hidden: units of the MLPs.
        stem: ``res-like``, on twice the ViT's grid, halved by 2×2 average pooling :func:`pooled_after` two sub-stages
            (an odd side is rounded up); ``base``, a convolution of kernel and stride ``patch_size``, on the ViT's grid
            throughout.
        in_channels: of the images.
        own: whether blocks have weights of their own; without, :meth:`forward_maps` is handed them.

    Raises :class:`~headstart.errors.HeadstartError` for sizes that do not fit.
    """

    num_prefix_tokens = 0

    def __init__(
        self,
        image_size: tuple[int, int],
        patch_size: tuple[int, int],
        num_classes: int,
        width: int,
        depth: int,
        heads: int,
        hidden: int,
        stem: str = "res-like",
        in_channels: int = 3,
        own: bool = True,
    ) -> None:
        super().__init__()
        if stem not in STEMS:
            raise unknown("stem of an agent", stem, STEMS)
        if any(side < 1 or pixels % side for pixels, side in zip(image_size, patch_size, strict=True)):
            raise HeadstartError(
                f"agent: images of {image_size[0]}×{image_size[1]} are not a whole number of patches of "
                f"{patch_size[0]}×{patch_size[1]}; choose a patch size that divides both sides."
            )
        self.image_size, self.in_channels = image_size, in_channels
        self.channels = [width] * depth  # of the maps
        self.stem: nn.Module
        if stem == "base":
            self.stem, self.pooled = nn.Conv2d(in_channels, width, patch_size, patch_size), []
        else:
            self.stem, self.pooled = Stem(in_channels, width, patch_size), pooled_after(depth)
        self.blocks = nn.ModuleList(AgentBlock(width, heads, hidden, own) for _ in range(depth))
        self.norm = nn.BatchNorm2d(width)
        self.head = nn.Linear(width, num_classes)
        for module in self.stem.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        nn.init.trunc_normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def _blocks(self, x: Tensor, weights: Sequence[BlockWeights] | None) -> tuple[Tensor, list[Tensor]]:
        """What the norm behind the last block gives, (B, D, h, w), and the maps of all blocks."""
        if x.ndim != 4 or tuple(x.shape[1:]) != (self.in_channels, *self.image_size):
            height, width = self.image_size
            raise HeadstartError(
                f"agent: expected images of shape (B, {self.in_channels}, {height}, {width}), got {tuple(x.shape)}; "
                "resize them, or make the agent for their size."
            )
        x = self.stem(x)
        maps = []
        for index, block in enumerate(self.blocks):
            x = block(x, None if weights is None else weights[index])
            maps.append(x)
            if index in self.pooled:
                x = F.avg_pool2d(x, 2, ceil_mode=True)
        return F.gelu(self.norm(x)), maps

    def forward_maps(
        self, images: Tensor, weights: Sequence[BlockWeights] | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Logits (B, K), and what each block gives, (B, D, h_i, w_i), before it is pooled.

        ``weights``: of each block, in the place of its own.
        """
        x, maps = self._blocks(images, weights)
        return self.head(x.mean(dim=(2, 3))), maps

    def forward_features(self, images: Tensor) -> Tensor:
        """The last map behind norm and GELU as tokens, (B, N, D), row by row."""
        return self._blocks(images, None)[0].flatten(2).transpose(1, 2)

    def forward_head(self, tokens: Tensor) -> Tensor:
        """Logits, (B, K), of the tokens of :meth:`forward_features`."""
        return self.head(tokens.mean(dim=1))

    def forward(self, images: Tensor) -> Tensor:
        """Logits, (B, K)."""
        return self.forward_maps(images)[0]


def create_agent(
    size: str = "s",
    *,
    num_classes: int = 10,
    image_size: int | tuple[int, int] = 32,
    patch_size: int | tuple[int, int] = 4,
    in_channels: int = 3,
    stem: str = "res-like",
) -> AgentCNN:
    """The agent of a ViT of 2112.03552, by itself.

    ==== ===== ====== ===== ====== =========================
    size width blocks heads hidden parameters (10⁶, 224/16)
    ==== ===== ====== ===== ====== =========================
    s    288   6      9     1152   8.66, as published
    b    384   12     6     1536   25.05
    ==== ===== ====== ===== ====== =========================

    Published, trained alone, CIFAR-10 / CIFAR-100 at 224 pixels: s 94.18 / 74.62, b 94.83 / 74.78 %.

    Differs from the released code: biases of the MLPs start at nought (there by a slip at normal numbers of std 1); no
    dropout; H taps also where ⌈√H⌉ is even; the stem for patches below 16 pixels is our own.

    Raises :class:`~headstart.errors.HeadstartError` for an unknown size, and for sizes that do not fit.

    >>> import torch
    >>> agent = create_agent("s", image_size=32, patch_size=4)
    >>> logits, maps = agent.eval().forward_maps(torch.zeros(1, 3, 32, 32))
    >>> logits.shape, [tuple(m.shape[2:]) for m in maps]
    (torch.Size([1, 10]), [(16, 16), (8, 8), (4, 4), (4, 4), (4, 4), (4, 4)])
    """
    if size not in AGENTS:
        raise unknown("agent size", size, AGENTS)
    width, depth, heads, hidden = AGENTS[size]
    check_whole("agent", in_channels=in_channels)
    check_whole("agent", least=0, num_classes=num_classes)
    image, patch = sides("agent", "image_size", image_size), sides("agent", "patch_size", patch_size)
    return AgentCNN(image, patch, num_classes, width, depth, heads, hidden, stem, in_channels)
