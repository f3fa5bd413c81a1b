"""EdgeViTs (2205.03436): light hierarchical vision transformers, four stages of local–global–local blocks.

Shapes: ``B`` batch, ``D`` width, ``h, w`` sides of a map, ``r`` sampling rate, ``N`` tokens of the last stage.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from headstart.errors import HeadstartError, unknown
from headstart.models.checks import check_drop_path, check_whole, sides
from headstart.models.lgl import ChannelNorm, LGLBlock, MapNorm, map_norm

__all__ = ["EDGEVITS", "EdgeViT", "create_edgevit"]

# (depths, widths, head dim) of the released code.
EDGEVITS: dict[str, tuple[tuple[int, ...], tuple[int, ...], int]] = {
    "xxs": ((1, 1, 3, 2), (36, 72, 144, 288), 36),
    "xs": ((1, 1, 3, 1), (48, 96, 240, 384), 48),
    "s": ((1, 2, 5, 3), (48, 96, 240, 384), 48),
}


def stage_grids(image: tuple[int, int], patch_size: int, sampling: Sequence[int]) -> list[tuple[int, int]]:
    """The sides (h, w) of the map in each stage: of strides ``patch_size`` · 1, 2, 4, …

    Raises :class:`~headstart.errors.HeadstartError` for a stage whose stride does not divide the image, or whose
    sampling rate does not divide its map; the message names the stage, its sides and its rate.
    """
    strides = [patch_size * 2**stage for stage in range(len(sampling))]
    last, common = strides[-1], math.gcd(*image)
    for stage, stride in enumerate(strides):
        if common % stride:
            near = [max(last, round(side / last) * last) for side in image]
            finer = [patch for patch in range(1, patch_size) if common % (patch * 2 ** (len(sampling) - 1)) == 0]
            raise HeadstartError(
                f"stage {stage + 1} has stride {stride} (patch_size {patch_size}, halved {stage} times), which does "
                f"not divide images of {image[0]}×{image[1]}; resize or pad them to multiples of {last}, such as "
                f"{near[0]}×{near[1]}" + (f", or set patch_size to one of {finer}." if finer else ".")
            )
    grids = [(image[0] // stride, image[1] // stride) for stride in strides]
    for stage, (grid, rate) in enumerate(zip(grids, sampling, strict=True)):
        if math.gcd(*grid) % rate:
            fits = [r for r in range(1, min(grid) + 1) if math.gcd(*grid) % r == 0]
            raise HeadstartError(
                f"stage {stage + 1} has a map of {grid[0]}×{grid[1]}, which its sampling rate {rate} does not divide; "
                f"set sampling[{stage}] to one of {fits}, or change image_size or patch_size."
            )
    return grids


class Downsample(nn.Module):
    """Non-overlapping patches, one linear map each, and LayerNorm: (B, C, s·h, s·w) → (B, D, h, w)."""

    def __init__(self, in_channels: int, width: int, stride: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.grid_size = grid
        self.proj = nn.Conv2d(in_channels, width, kernel_size=stride, stride=stride)
        self.norm = ChannelNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.proj(x))


class EdgeViT(nn.Module):
    """Four stages of :class:`~headstart.models.lgl.LGLBlock`; see :func:`create_edgevit` for the arguments.

    Each stage is entered by a convolution of kernel and stride ``patch_size`` (the first) or 2, and LayerNorm; behind
    the last come a norm, the mean over places and a linear layer. ``blocks`` is the flat list over stages, of which
    ``depths`` are in each; ``patch_embed`` enters the first stage, ``downsample`` the others.

    Images of another size than ``image_size`` are taken too, where all stages divide: positions come from
    convolutions, whose zeros around tell the border.
    """

    num_prefix_tokens = 0

    def __init__(
        self,
        image_size: tuple[int, int],
        patch_size: int,
        num_classes: int,
        widths: Sequence[int],
        depths: Sequence[int],
        head_dim: int,
        sampling: Sequence[int] = (4, 2, 2, 1),
        mlp_ratio: float = 4.0,
        drop_path: float = 0.0,
        norm: MapNorm = "batch",
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        check_whole("EdgeViT", patch_size=patch_size, in_channels=in_channels)
        check_whole("EdgeViT", least=0, num_classes=num_classes)
        check_drop_path("EdgeViT", drop_path)
        rates = tuple(sampling) if isinstance(sampling, Sequence) else (sampling,)
        if len({len(widths), len(depths), len(rates)}) > 1 or not all(isinstance(r, int) and r > 0 for r in rates):
            raise HeadstartError(
                f"expected a sampling rate of 1 or more for each of the {len(widths)} stages, and as many depths, got "
                f"sampling {rates} and depths {tuple(depths)}."
            )
        for stage, width in enumerate(widths):
            if width % head_dim:
                raise HeadstartError(
                    f"stage {stage + 1} has width {width}, which is no multiple of the head dim {head_dim}; set a "
                    "head_dim that divides all widths."
                )
        self.in_channels, self.patch_size = in_channels, patch_size
        self.depths, self.sampling = tuple(depths), rates
        grids = stage_grids(image_size, patch_size, self.sampling)
        self.patch_embed = Downsample(in_channels, widths[0], patch_size, grids[0])
        self.downsample = nn.ModuleList(
            Downsample(before, after, 2, grid)
            for before, after, grid in zip(widths[:-1], widths[1:], grids[1:], strict=True)
        )
        total = sum(depths)
        blocks: list[nn.Module] = []
        for width, depth, rate in zip(widths, depths, self.sampling, strict=True):
            for _ in range(depth):
                drop = drop_path * len(blocks) / max(total - 1, 1)
                blocks.append(LGLBlock(width, width // head_dim, rate, mlp_ratio, drop, norm))
        self.blocks = nn.ModuleList(blocks)
        self.norm = map_norm(norm, widths[-1])
        self.head = nn.Linear(widths[-1], num_classes)
        for module in self.modules():  # convolutions keep PyTorch's own start, as in the released code
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward_features(self, x: Tensor, draws: Tensor | None = None) -> Tensor:
        """Tokens of the last stage behind the last norm, (B, N, D), row by row; ``draws`` as in :meth:`forward`."""
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise HeadstartError(
                f"expected images of shape (B, {self.in_channels}, height, width), got {tuple(x.shape)}; make the "
                "model with in_channels as the images have."
            )
        stage_grids((x.shape[2], x.shape[3]), self.patch_size, self.sampling)
        index = 0
        for enter, depth in zip((self.patch_embed, *self.downsample), self.depths, strict=True):
            x = enter(x)
            for _ in range(depth):
                x = self.blocks[index](x, None if draws is None else draws[:, index])
                index += 1
        return self.norm(x).flatten(2).transpose(1, 2)

    def forward_head(self, tokens: Tensor) -> Tensor:
        """Logits, (B, classes), of the tokens of :meth:`forward_features`."""
        return self.head(tokens.mean(dim=1))

    def forward(self, x: Tensor, draws: Tensor | None = None) -> Tensor:
        """Logits, (B, classes).

        ``draws``: uniform (B, blocks, 2), as for the library's ViT: which branches are dropped in training when
        ``drop_path`` is above nought. A block has four branches where its rate is above 1; one number decides for both
        local ones, the other for both global ones, each independently. Without ``draws`` the global random state
        decides.
        """
        return self.forward_head(self.forward_features(x, draws))


def create_edgevit(
    size: str = "xxs",
    *,
    num_classes: int = 1000,
    image_size: int | tuple[int, int] = 224,
    patch_size: int = 4,
    in_channels: int = 3,
    drop_path: float = 0.0,
    mlp_ratio: float = 4.0,
    sampling: Sequence[int] = (4, 2, 2, 1),
    norm: MapNorm = "batch",
) -> EdgeViT:
    """An EdgeViT of 2205.03436 by name, with random weights.

    ==== ================= ================== ======== ============ ========================
    size parameters (10⁶)  GMAC at 224 pixels head dim depths       widths
    ==== ================= ================== ======== ============ ========================
    xxs  4.07              0.551              36       1, 1, 3, 2   36, 72, 144, 288
    xs   6.77              1.128              48       1, 1, 3, 1   48, 96, 240, 384
    s    13.11             1.911              48       1, 2, 5, 3   48, 96, 240, 384
    ==== ================= ================== ======== ============ ========================

    Published ImageNet-1k accuracies: 74.4, 77.5 and 81.0 %, read in later papers' tables; weights were never released.
    An independent retraining of xxs (EasyCV) reached 75.18 %. None of it was measured here, and no result on small
    data was published. A count of 11.1 million parameters for s circulates, which the released code does not give.

    Args:
        size: ``"xxs"``, ``"xs"`` or ``"s"``.
        num_classes: outputs of the head.
        image_size: pixels, an int or (height, width).
        patch_size: kernel and stride of the first stage, in pixels: 4; for small images 2 or 1. The image's sides have
            to be multiples of 8 · ``patch_size``; the default ``sampling`` fits then.
        in_channels: 1 for grey images.
        drop_path: rate of stochastic depth in the last block, rising from 0 in the first; the paper's is 0.1.
        mlp_ratio: hidden units of the MLPs, in widths.
        sampling: r of each stage: one token of each r×r window attends. 1 is plain attention, without the local part.
        norm: of maps, in the local parts and behind the last block. ``"batch"``, as in the paper: its running
            statistics change in the forward pass, so that many runs at once refuse it, results depend on how a batch
            is cut into parts, and a moving average of the weights goes with the last statistics. ``"layer"``: over
            channels, without any of that; our own variant.

    Differs from the released code in nothing that is computed, except that images of other sizes are taken where they
    divide, and that one uniform number decides for two branches of stochastic depth, independently. As there, LayerNorm
    has ε = 10⁻⁶ in front of attention and MLP and 10⁻⁵ at a stage's entry and behind the local propagation.

    Raises :class:`~headstart.errors.HeadstartError` for an unknown size, and for stages whose maps do not divide.

    >>> model = create_edgevit("xxs", image_size=32, patch_size=1, num_classes=10)
    >>> import torch
    >>> model(torch.zeros(2, 3, 32, 32)).shape, len(model.blocks)
    (torch.Size([2, 10]), 7)
    """
    if size not in EDGEVITS:
        raise unknown("EdgeViT size", size, EDGEVITS)
    depths, widths, head_dim = EDGEVITS[size]
    return EdgeViT(
        sides("EdgeViT", "image_size", image_size),
        patch_size,
        num_classes,
        widths,
        depths,
        head_dim,
        sampling,
        mlp_ratio,
        drop_path,
        norm,
        in_channels,
    )
