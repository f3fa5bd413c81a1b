"""The local–global–local block of EdgeViTs (2205.03436): gather nearby, attend among a few, hand the result back.

Shapes: ``B`` batch, ``D`` width, ``h, w`` sides of the map, ``r`` sampling rate, ``H`` heads, ``R`` head dim. Maps are
(B, D, h, w); tokens (B, h·w, D), row by row.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headstart.errors import HeadstartError, unknown
from headstart.models.checks import hidden_units
from headstart.models.vit_blocks import Mlp

__all__ = ["ChannelNorm", "LGLBlock", "LocalAggregation", "MapNorm", "SparseAttention", "map_norm"]

MapNorm = Literal["batch", "layer"]


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of each place of a map (B, D, h, w)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def map_norm(kind: MapNorm, width: int) -> nn.Module:
    """``"batch"``: BatchNorm, as in the paper. ``"layer"``: :class:`ChannelNorm`, without running statistics."""
    if kind not in ("batch", "layer"):
        raise unknown("norm", kind, ("batch", "layer"))
    return nn.BatchNorm2d(width) if kind == "batch" else ChannelNorm(width, eps=1e-6)


def two_from_one(draws: Tensor | None, rate: float) -> tuple[Tensor | None, Tensor | None]:
    """Which of two branches to keep, from one uniform number u in [0, 1) each: two bool tensors of ``draws``' shape.

    The first is kept where u ≥ p, for a drop rate p. Within the part of [0, 1) that u fell into it is uniform still:
    stretched to v = (u − p)/(1 − p), or u/p below, it decides the second, kept where v ≥ p. So each is dropped with
    probability p, independently of the other. Without draws, None twice.
    """
    if draws is None:
        return None, None
    first = draws >= rate
    rest = torch.where(first, (draws - rate) / (1 - rate), draws / rate)
    return first, rest >= rate


def _drop(branch: Tensor, keep: Tensor | None, rate: float) -> Tensor:
    """The branch of kept samples over 1 − p, that of the others nought; all of it as it is without ``keep`` (B)."""
    if keep is None:
        return branch
    return branch * keep.to(branch.dtype).view(-1, *[1] * (branch.ndim - 1)) / (1 - rate)


class LocalAggregation(nn.Module):
    """Each place gathers from its 5×5 neighbours: the first, convolutional part of the block.

    x += DW3(x); x += C1 DW5 C1 norm(x); x += MLP(norm(x)), with DWk a depthwise k×k convolution, C1 a 1×1 one, and
    the MLP two 1×1 convolutions with GELU between. ``norm1`` and ``norm2`` are :func:`map_norm`. ``draws``, uniform
    (B), drop the last two branches at the rate ``drop_path``; None drops nothing.
    """

    def __init__(self, width: int, hidden: int, norm: MapNorm = "batch", drop_path: float = 0.0) -> None:
        super().__init__()
        self.drop_path = drop_path
        self.position = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.norm1 = map_norm(norm, width)
        self.gather = nn.Sequential(
            nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 5, padding=2, groups=width), nn.Conv2d(width, width, 1)
        )
        self.norm2 = map_norm(norm, width)
        self.mlp = nn.Sequential(nn.Conv2d(width, hidden, 1), nn.GELU(), nn.Conv2d(hidden, width, 1))

    def forward(self, x: Tensor, draws: Tensor | None = None) -> Tensor:
        first, second = two_from_one(draws, self.drop_path)
        x = x + self.position(x)
        x = x + _drop(self.gather(self.norm1(x)), first, self.drop_path)
        return x + _drop(self.mlp(self.norm2(x)), second, self.drop_path)


class SparseAttention(nn.Module):
    """Attention among one token of each r×r window, and the result spread over the window again.

    Representatives are the top-left tokens, x[::r, ::r]; y = softmax(Q Kᵀ / √R) V among them, H heads; then, for r > 1,
    a depthwise transposed convolution with kernel and stride r, place (i, j) of a window getting a_ij ⊙ y + b, and
    LayerNorm; then the output projection. For r = 1 it is plain multi-head self-attention.

    Args:
        width: D. heads: H, a divisor of D. sampling: r.
    """

    def __init__(self, width: int, heads: int, sampling: int) -> None:
        super().__init__()
        if width % heads:
            near = [h for h in range(1, width + 1) if width % h == 0 and h <= 2 * heads]
            raise HeadstartError(f"width {width} is not divisible by {heads} heads; choose heads from {near}.")
        if sampling < 1:
            raise HeadstartError(f"expected a sampling rate of 1 or more, got {sampling}; 1 lets all tokens attend.")
        self.num_heads, self.head_dim, self.sampling = heads, width // heads, sampling
        self.scale = self.head_dim**-0.5
        self.qkv = nn.Linear(width, 3 * width)
        self.propagate = (
            nn.ConvTranspose2d(width, width, sampling, stride=sampling, groups=width) if sampling > 1 else None
        )
        self.norm = nn.LayerNorm(width) if sampling > 1 else nn.Identity()
        self.proj = nn.Linear(width, width)

    def sample(self, x: Tensor, grid: tuple[int, int]) -> Tensor:
        """The representatives, (B, h·w/r², D), of tokens (B, h·w, D) on the ``grid`` (h, w)."""
        r = self.sampling
        if grid[0] % r or grid[1] % r:
            raise HeadstartError(
                f"a map of {grid[0]}×{grid[1]} has no whole {r}×{r} windows; choose a sampling rate that divides both "
                "sides, or images of another size."
            )
        return x if r == 1 else x.unflatten(1, grid)[:, ::r, ::r].flatten(1, 2)

    def forward(self, x: Tensor, grid: tuple[int, int]) -> Tensor:
        """Tokens (B, h·w, D) to tokens of the same shape."""
        x = self.sample(x, grid)
        B, N, D = x.shape
        q, k, v = self.qkv(x).view(B, N, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        x = F.scaled_dot_product_attention(q, k, v, scale=self.scale).transpose(1, 2).reshape(B, N, D)
        if self.propagate is not None:
            few = (grid[0] // self.sampling, grid[1] // self.sampling)
            x = self.propagate(x.transpose(1, 2).unflatten(2, few)).flatten(2).transpose(1, 2)
        return self.proj(self.norm(x))


class LGLBlock(nn.Module):
    """Local aggregation, global sparse attention, local propagation: (B, D, h, w) → (B, D, h, w).

    First, for r > 1, :class:`LocalAggregation`; then x += DW3(x), x += :class:`SparseAttention` of LN(x), and
    x += MLP(LN(x)). The depthwise 3×3 convolutions with their zeros around tell where a token is: there is no position
    embedding. For r = 1 there is nothing to gather for, and the block is a transformer block behind a DW3.

    Args:
        width: D. heads: H, a divisor of D.
        sampling: r, a divisor of h and w.
        mlp_ratio: hidden units of both MLPs, in widths.
        drop_path: in training, the probability that a sample skips a branch; kept ones are scaled by 1/(1 − p). Four
            branches for r > 1, the DW3s not among them, and the last two for r = 1.
        norm: ``"batch"`` or ``"layer"``, in the local aggregation; see :func:`map_norm`.

    Raises :class:`~headstart.errors.HeadstartError` for heads that do not divide the width and for an MLP of no unit,
    and, when called, for a rate that does not divide the sides of the map.

    >>> LGLBlock(48, heads=1, sampling=4)(torch.zeros(2, 48, 8, 16)).shape
    torch.Size([2, 48, 8, 16])
    """

    def __init__(
        self,
        width: int,
        heads: int,
        sampling: int,
        mlp_ratio: float = 4.0,
        drop_path: float = 0.0,
        norm: MapNorm = "batch",
    ) -> None:
        super().__init__()
        hidden = hidden_units("EdgeViT", width, mlp_ratio)
        self.local = LocalAggregation(width, hidden, norm, drop_path) if sampling > 1 else None
        self.position = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = SparseAttention(width, heads, sampling)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, hidden)
        self.drop_path = drop_path

    def forward(self, x: Tensor, draws: Tensor | None = None) -> Tensor:
        """``draws``, uniform (B, 2), decide what is dropped in training: the first number both local branches, the
        second both global ones, two independent choices of one number by :func:`two_from_one`. Without them they
        come from the global random state, as in the library's ViT.
        """
        local = attend = None
        if self.training and self.drop_path:
            draws = torch.rand(len(x), 2, device=x.device) if draws is None else draws
            local, attend = draws.unbind(1)
        if self.local is not None:
            x = self.local(x, local)
        first, second = two_from_one(attend, self.drop_path)
        x = x + self.position(x)
        grid = (x.shape[2], x.shape[3])
        tokens = x.flatten(2).transpose(1, 2)
        tokens = tokens + _drop(self.attn(self.norm1(tokens), grid), first, self.drop_path)
        tokens = tokens + _drop(self.mlp(self.norm2(tokens)), second, self.drop_path)
        return tokens.transpose(1, 2).unflatten(2, grid)
