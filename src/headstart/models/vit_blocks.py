"""What a plain vision transformer is made of, with timm's parameter names.

Shapes: ``B`` batch, ``N`` tokens (prefix tokens first, then the grid in row-major order), ``D`` width, ``H`` heads.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headstart.errors import HeadstartError

__all__ = ["Attention", "Block", "Mlp", "PatchEmbed"]


class PatchEmbed(nn.Module):
    """Non-overlapping patches, one linear map each: (B, C, height, width) → (B, N, D)."""

    def __init__(self, image_size: tuple[int, int], patch_size: tuple[int, int], in_channels: int, width: int) -> None:
        super().__init__()
        self.img_size, self.patch_size = image_size, patch_size
        self.grid_size = (image_size[0] // patch_size[0], image_size[1] // patch_size[1])
        self.proj = nn.Conv2d(in_channels, width, kernel_size=patch_size, stride=patch_size)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or tuple(x.shape[1:]) != (self.proj.in_channels, *self.img_size):
            height, width = self.img_size
            raise HeadstartError(
                f"expected images of shape (B, {self.proj.in_channels}, {height}, {width}), "
                f"got {tuple(x.shape)}; resize them, or make the model for their size."
            )
        return self.proj(x).flatten(2).transpose(1, 2)


class Attention(nn.Module):
    """Multi-head self-attention with fused Q, K, V: softmax(Q Kᵀ / √R) V, then the output projection."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.num_heads, self.head_dim = heads, width // heads
        self.scale = self.head_dim**-0.5
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        B, N, D = x.shape
        q, k, v = self.qkv(x).view(B, N, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        x = F.scaled_dot_product_attention(q, k, v, scale=self.scale)
        return self.proj(x.transpose(1, 2).reshape(B, N, D))


class Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    """x + attention(LN x), then x + MLP(LN x); in training each branch is dropped per sample (stochastic depth).

    ``draws``, uniform (B, 2), decide: a branch is dropped where its number is below ``drop_path``. Without them they
    come from the global random state, as in timm.
    """

    def __init__(self, width: int, heads: int, hidden: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, hidden)
        self.drop_path = drop_path

    def _drop(self, branch: Tensor, draws: Tensor | None) -> Tensor:
        if draws is None:
            return branch
        keep = (draws >= self.drop_path).to(branch.dtype)[:, None, None]
        return branch * keep / (1 - self.drop_path)

    def forward(self, x: Tensor, draws: Tensor | None = None) -> Tensor:
        if not self.training or self.drop_path == 0:
            draws = None
        elif draws is None:
            draws = torch.rand(len(x), 2, device=x.device)
        attention, mlp = (None, None) if draws is None else draws.unbind(1)
        x = x + self._drop(self.attn(self.norm1(x)), attention)
        return x + self._drop(self.mlp(self.norm2(x)), mlp)
