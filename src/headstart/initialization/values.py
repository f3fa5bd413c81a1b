"""Starts of the value and output weights: what a head does with what it looks at.

Each gives V (H, D, R) and O (H, R, D), float64; A = H·R is the attention width, usually D.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from headstart.attention import AttentionView, BlockView
from headstart.errors import HeadstartError
from headstart.initialization.draw import Draw

__all__ = [
    "RESERVING", "VALUES", "balanced_values", "content_std", "contrast_strength", "contrast_values", "mimetic_values",
    "position_std", "quieten_content", "reserve", "reserve_position", "split", "write_values", "zero_bias",
]  # fmt: skip

VALUES = ("contrast", "balanced", "mimetic", "random", "default")
# depth · strength of the contrast start, and depth · strength² of the balanced one: what the whole network does to the
# stream, and so the same at any depth.
_CONTRAST = 2.6
_BALANCE = 1.0
RESERVING = ("contrast", "balanced")
_CONTENT_SHARE = 0.4
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


def _frame(width: int, heads: int, head_dim: int, draw: Draw) -> Tensor:
    """B = [B_1 … B_H], orthonormal columns drawn at random, as (H, D, R): every head gets R directions of its own."""
    if heads * head_dim > width:
        raise HeadstartError(
            f"contrast and balanced values need heads × head dim ≤ width, got {heads} × {head_dim} > {width}; "
            "use value='mimetic'."
        )
    return draw.orthonormal(width, heads * head_dim).unflatten(1, (heads, head_dim)).transpose(0, 1)


def contrast_values(width: int, heads: int, head_dim: int, strength: float, draw: Draw) -> tuple[Tensor, Tensor]:
    """V_h = B_h, O_h = −strength · B_hᵀ: in its own directions a head takes from a patch a share of what it looks at.

    Mimetic's −β·I without its random part, cut into heads by directions instead of by singular values. A head that
    looks at offset δ multiplies spatial frequency ω of its directions by 1 − strength·e^{iω·δ}: differences between
    neighbours are kept, what they share is lowered. With strength = c/L, L blocks do what one of strength c would, to
    first order, so the filter does not steepen with depth as a fixed β does.
    """
    v = _frame(width, heads, head_dim, draw)
    return v, -strength * v.transpose(1, 2)


def balanced_values(width: int, heads: int, head_dim: int, strength: float, draw: Draw) -> tuple[Tensor, Tensor]:
    """V_h = B_h, O_h = strength · J B_hᵀ: every head turns the stream in its own planes and stretches nothing.

    J is the R×R rotation by a quarter turn in R/2 planes (Jᵀ = −J). The branch is then an isometry of the columns it
    reads whatever offsets the heads have, and V_h O_h is antisymmetric: ⟨x, x V_h O_h⟩ = 0, so one block multiplies the
    energy of a stream x by 1 + strength² at spatial frequency zero exactly and, the planes being random, at every other
    one in expectation. No multiple of the identity enters, which with a shift would press low frequencies and raise
    high ones. With strength² = c/L the stream leaves L blocks √(1 + c) times as large, at every frequency.
    """
    v = _frame(width, heads, head_dim, draw)
    half = head_dim // 2
    turned = torch.cat([-v[..., half : 2 * half], v[..., :half], v[..., 2 * half :] * 0], -1)
    return v, strength * turned.transpose(1, 2)


def contrast_strength(depth: int, spread: float) -> float:
    """What one of ``depth`` blocks takes from a patch, of what its heads look at; ``spread`` is the stream's size."""
    return _CONTRAST / depth * spread


def content_std(view: AttentionView) -> float:
    """Root mean square of the stream that enters the first block, expected for images of unit variance.

    A patch embedding with random weights passes on the energy Σ w² per channel whatever the images' spectrum; the
    position embedding's is added. What reaches the last layer of a stem was normalised and went through a ReLU, which
    leaves half of unit variance.
    """
    energy = torch.zeros((), dtype=torch.float64, device=view.device)
    if view.absolute is not None:
        energy = energy + view.absolute.table.detach().double().square().mean()
    if view.writer is not None:
        energy = energy + _content_energy(view, view.writer)
    return float(energy.sqrt())


def position_std(view: AttentionView) -> float:
    """How large a position embedding is written beside what the patch embedding is expected to write, in it alone.

    min(max(1.25 · content, 0.36), 0.7), with the content's root mean square for images of unit variance. What counts
    is the share of the two in LayerNorm's output. 0.7, about the √½ of a table of sines and cosines, beside the usual
    0.58 trained better than 0.36 did (docs/results/ablation.md); but where little content is written, as by weights of
    std 0.02 from patches of one pixel, it would drown.
    """
    content = 0.0 if view.writer is None else float(_content_energy(view, view.writer).sqrt())
    return min(max(1.25 * content, 0.36), 0.7)


def _content_energy(view: AttentionView, writer: nn.Conv2d) -> Tensor:
    energy = writer.weight.detach().double().square().flatten(1).sum(1).mean()
    return energy if writer is view.patch_embed else energy / 2


def reserve_position(view: AttentionView) -> Tensor:
    """Keep the directions of a fixed position embedding for position alone; returns them, orthonormal (D, k).

    They are those the table varies in, but for any below 10⁻⁵ of the strongest: some 14 to 40 of D.
    """
    table = view.position.table.detach()[0, -view.patches :].double()
    _, s, vh = torch.linalg.svd(table - table.mean(0), full_matrices=False)
    reserved = vh[s > 1e-5 * s[0]].T
    reserve(view, reserved)
    return reserved


def quieten_content(view: AttentionView) -> None:
    """Lower the patch embedding until content is expected to have no more than 0.4 of a fixed table's size.

    LayerNorm divides each token by its own size, which content makes vary; a fixed table cannot be made larger beside
    it, and heads that read position from it would see pale patches better than contrasted ones.
    """
    if view.writer is None:
        return
    weight = view.writer.weight.detach()
    content = _content_energy(view, view.writer).sqrt()
    table = view.position.table.detach()[0, -view.patches :].double().square().mean().sqrt()
    weight.mul_(float((_CONTENT_SHARE * table / content.clamp(min=1e-12)).clamp(max=1.0)))


def reserve(view: AttentionView, directions: Tensor) -> None:
    """Remove what the patch embedding and the MLPs write into ``directions`` (D, k, orthonormal) of the stream, so that
    no content hides what stands there; ``write_values`` keeps the heads out too.
    """
    writers = [view.writer, *(block.mlp_out for block in view.blocks)]
    for parameter in (p.detach() for writer in writers if writer is not None for p in writer.parameters()):
        rows = parameter.double().reshape(view.width, -1)
        parameter.copy_((rows - directions @ (directions.T @ rows)).view_as(parameter))


def zero_bias(block: BlockView, *names: str) -> None:
    """Set the named biases to zero where the model has them."""
    for name in names:
        if block.has_bias(name):
            block.write(f"{name}_bias", torch.zeros_like(block.read(f"{name}_bias")))


def write_values(
    block: BlockView, kind: str, depth: int, spread: float, draw: Draw, reserved: Tensor | None = None
) -> None:
    """Write a block's value and output weights; ``spread`` is the root mean square of the stream at the first block.

    LayerNorm hands the heads a stream of root mean square one, so a branch that is to be a share of the stream is
    ``spread`` times that share. Contrast and balanced heads write nothing into the ``reserved`` directions (D, k),
    where a fixed position embedding lies, so that later blocks can still read it.
    """
    sizes = (block.width, block.heads, block.head_dim)
    if kind == "default":
        return
    spread = block.stream_std or spread
    if kind in _MIXES:
        v, o = mimetic_values(*sizes, *_MIXES[kind], draw)
    else:
        if kind == "contrast":
            v, o = contrast_values(*sizes, contrast_strength(depth, spread), draw)
        else:
            v, o = balanced_values(*sizes, (_BALANCE / depth) ** 0.5 * spread, draw)
        if reserved is not None:
            o = o - o @ reserved @ reserved.T
    block.write("v", v)
    block.write("o", o)
