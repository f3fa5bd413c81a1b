"""Starts of the value and output weights: what a head does with what it looks at.

Each gives V (H, D, R) and O (H, R, D), float64; A = H·R is the attention width, usually D.
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.attention import AttentionView, BlockView
from headstart.errors import HeadstartError
from headstart.initialization.draw import Draw

__all__ = ["VALUES", "balanced_values", "content_std", "mimetic_values", "split", "write_values"]

VALUES = ("balanced", "mimetic", "random", "default")
# strength² · depth of the balanced start: a network of any depth multiplies the stream's energy by one plus this.
_BALANCE = 1.0
_PRESS = 0.0
# V·O = α·Z − β·I.
_MIXES = {"mimetic": (0.4, 0.4), "random": (0.7, 0.0)}


def split(product: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The best rank-``rank`` factors of a (…, D, D) matrix, each with half of every singular value: (…, D, r), (…, r,
    D).
    """
    u, s, vh = torch.linalg.svd(product)
    root = s[..., :rank].sqrt()
    return u[..., :rank] * root[..., None, :], root[..., :, None] * vh[..., :rank, :]


def mimetic_values(
    width: int, heads: int, head_dim: int, alpha: float, beta: float, draw: Draw
) -> tuple[Tensor, Tensor]:
    """V·O = α·Z − β·I over all heads together (2305.09828): one SVD, every head gets R of its A columns.

    The entries of Z are independent and uniform in ±√(3/D), of variance 1/D.
    """
    product = alpha * (3 / width) ** 0.5 * draw.uniform(width, width)
    product.diagonal().sub_(beta)
    v, o = split(product, min(heads * head_dim, width))
    missing = heads * head_dim - v.shape[1]
    v, o = torch.nn.functional.pad(v, (0, missing)), torch.nn.functional.pad(o, (0, 0, 0, missing))
    return v.unflatten(1, (heads, head_dim)).transpose(0, 1), o.unflatten(0, (heads, head_dim))


def balanced_values(
    width: int, heads: int, head_dim: int, strength: float, press: float, draw: Draw
) -> tuple[Tensor, Tensor]:
    """V_h = B_h, O_h = strength · J B_hᵀ: every head turns the stream in its own planes and stretches nothing.

    B = [B_1 … B_H] has orthonormal columns, drawn at random, and J is the R×R rotation by a quarter turn in R/2 planes
    (Jᵀ = −J). The branch is then an isometry of the columns it reads whatever offsets the heads have, and V_h O_h is
    antisymmetric: ⟨x, x V_h O_h⟩ = 0, so one block multiplies the energy of a stream x by 1 + strength² at spatial
    frequency zero exactly and, the planes being random, at every other one in expectation. No multiple of the identity
    enters, which with a shift would press low frequencies and raise high ones.
    """
    if heads * head_dim > width:
        raise HeadstartError(f"balanced values need heads × head dim ≤ width, got {heads} × {head_dim} > {width}.")
    basis = draw.orthonormal(width, heads * head_dim)
    v = basis.unflatten(1, (heads, head_dim)).transpose(0, 1)
    half = head_dim // 2
    turned = torch.cat([-v[..., half : 2 * half], v[..., :half], v[..., 2 * half :] * 0], -1)
    return v, (strength * turned - press * v).transpose(1, 2)


def content_std(view: AttentionView) -> float:
    """Root mean square of the stream that enters the first block, expected for images of unit variance.

    A patch embedding with random weights passes on the energy Σ w² per channel whatever the images' spectrum; the
    position embedding's is added.
    """
    energy = view.position.table.detach().double().square().mean()
    if view.patch_embed is not None:
        energy = energy + view.patch_embed.weight.detach().double().square().flatten(1).sum(1).mean()
    return float(energy.sqrt())


def position_directions(view: AttentionView) -> Tensor:
    """Orthonormal directions (D, k) that a fixed embedding varies in, but for those below 10⁻³ of the strongest."""
    table = view.position.table.detach()[0, -view.patches :].double()
    _, s, vh = torch.linalg.svd(table - table.mean(0), full_matrices=False)
    return vh[s > 1e-3 * s[0]].T


def write_values(
    block: BlockView,
    width: int,
    kind: str,
    depth: int,
    spread: float,
    draw: Draw,
    reserved: Tensor | None = None,
) -> None:
    """Write a block's value and output weights; ``spread`` is the root mean square of the stream at the first block.

    LayerNorm hands the heads a stream of root mean square one, so a branch that is to be a share of the stream is
    ``spread`` times that share. With the same branch in every block the stream's energy grows linearly: it leaves L
    blocks of strength s multiplied by √(1 + L·s²) at every frequency.
    """
    sizes = (width, block.heads, block.head_dim)
    if kind == "default":
        return
    if kind == "balanced":
        v, o = balanced_values(*sizes, (_BALANCE / depth) ** 0.5 * spread, _PRESS / depth * spread, draw)
        if reserved is not None:
            o = o - o @ reserved @ reserved.T
    else:
        alpha, beta = _MIXES[kind]
        v, o = mimetic_values(*sizes, alpha, beta, draw)
    block.write("v", v)
    block.write("o", o)
