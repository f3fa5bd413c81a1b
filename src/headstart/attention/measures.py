"""Numbers read off attention maps.

Shapes: attention (B, H, N, N), or its mean over images (H, N, N); ``T`` patches; a target is, for each patch row, the
index of the patch it should look at, or −1 where that patch lies outside the grid.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from headstart.attention.block import BlockView

__all__ = ["entropy", "mean_attention", "offset_of", "offset_profile", "shift_targets", "target_mass"]


def shift_targets(grid: tuple[int, int], offsets: Tensor) -> Tensor:
    """Targets of shifts: row (y, x) looks at (y + dy, x + dx); offsets (H, 2) → indices (H, T), −1 outside."""
    h, w = grid
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    ty, tx = (c.flatten() + offsets[:, axis, None].cpu() for axis, c in ((0, y), (1, x)))
    inside = (ty >= 0) & (ty < h) & (tx >= 0) & (tx < w)
    return torch.where(inside, ty * w + tx, -1)


def target_mass(attention: Tensor, targets: Tensor, prefix: int = 0) -> Tensor:
    """Mean attention on the target patch over rows whose target lies in the grid: (…, H, N, N) → (…, H)."""
    patches = attention[..., prefix:, prefix:]
    targets = targets.to(attention.device)
    inside = targets >= 0
    index = targets.clamp(min=0).expand(patches.shape[:-1])[..., None]
    return (patches.gather(-1, index)[..., 0] * inside).sum(-1) / inside.sum(-1).clamp(min=1)


def entropy(attention: Tensor, prefix: int = 0) -> Tensor:
    """Mean entropy of the patch rows in nats: (B, H, N, N) → (H,). Uniform attention gives ln N."""
    return torch.special.entr(attention[..., prefix:, :]).sum(-1).mean(dim=(0, 2))


@functools.lru_cache(maxsize=16)
def _offset_bins(grid: tuple[int, int]) -> Tensor:
    h, w = grid
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    dy, dx = (c.flatten()[None] - c.flatten()[:, None] for c in (y, x))
    return (dy + h - 1) * (2 * w - 1) + dx + w - 1


def offset_of(attention: Tensor, grid: tuple[int, int], prefix: int = 0) -> Tensor:
    """The offset (dy, dx) that takes the largest share of each head's attention: mean maps (H, N, N) → (H, 2).

    The share is summed over all rows, so that an offset which only a few rows at the edge can reach does not win by
    chance.
    """
    bins = _offset_bins(grid).flatten().to(attention.device)
    patches = attention[:, prefix:, prefix:].flatten(1)
    share = patches.new_zeros(len(patches), int(bins.max()) + 1).index_add_(1, bins, patches)
    best, columns = share.argmax(1), 2 * grid[1] - 1
    return torch.stack([best // columns - (grid[0] - 1), best % columns - (grid[1] - 1)], dim=-1).cpu()


def mean_attention(block: BlockView, x: Tensor) -> tuple[Tensor, Tensor]:
    """A block's attention on normalised inputs ``x`` (B, N, D): mean map (H, N, N) and entropy (H,).

    A pair that a mask hides in some windows is averaged over those that show it. A few images at a time, to bound
    memory.
    """
    windows = block.windows
    step = max(1, 2**24 // (block.heads * x.shape[1] ** 2 * windows)) * windows
    total, nats, count = x.new_zeros(block.heads, x.shape[1], x.shape[1]), x.new_zeros(block.heads), 0
    for part in x.split(step):
        attention = block.maps(part)
        total += attention.sum(0)
        nats += entropy(attention, block.prefix) * len(attention)
        count += len(attention)
    shown = 1.0 if block.mask is None else block.visible().to(x).mean(0).clamp(min=1 / windows)
    return total / count / shown, nats / count


def offset_profile(attention: Tensor, grid: tuple[int, int], prefix: int = 0) -> Tensor:
    """Mean attention at each offset over the rows that can reach it: (H, N, N) → (H, 2h−1, 2w−1), centre in the
    middle.
    """
    bins = _offset_bins(grid).flatten().to(attention.device)
    patches = attention[:, prefix:, prefix:].flatten(1)
    size = (2 * grid[0] - 1) * (2 * grid[1] - 1)
    total = patches.new_zeros(len(patches), size).index_add_(1, bins, patches)
    return (total / torch.bincount(bins, minlength=size)).unflatten(1, (2 * grid[0] - 1, 2 * grid[1] - 1))
