"""The adapter for any model of ``nn.MultiheadAttention``, alone in blocks or inside ``nn.TransformerEncoderLayer``.

Such a model has no grid that could be read off, so the caller names it, and the parameter that holds the positions.
Shapes: ``T`` patches, ``P`` prefix tokens, ``D`` width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from headstart.attention.block import BlockView
from headstart.attention.pieces import After, Missing, fused, missing_in
from headstart.attention.view import AttentionView, Position
from headstart.errors import HeadstartError

__all__ = ["view_encoder_block", "view_multihead"]

_NORMS = (nn.LayerNorm, nn.RMSNorm)
_CONTAINERS = (nn.ModuleList, nn.Sequential, nn.ModuleDict)


def view_multihead(model: nn.Module, grid: tuple[int, int], position: str, prefix: int | None = None) -> AttentionView:
    """See every ``nn.MultiheadAttention`` of ``model``, in the order in which the model lists its modules.

    Args:
        model: all its attention is self-attention over one sequence: prefix tokens, then patches in row-major order.
        grid: patches (height, width).
        position: the dotted name of the parameter or buffer that is added to the sequence: (1, T, D) or (T, D), or with
            P more rows in front.
        prefix: P. By default what ``position`` has beyond the patches; where class tokens get no position, say it.

    A block is the innermost module around the attention that has a norm (LayerNorm or RMSNorm) of its own, and the norm
    in front of the heads is its last one listed before the attention, or else its first. Class tokens are taken from
    parameters (1, 1, D) or (D,) of the model, if they are as many as the prefix, and for zero otherwise.

    Raises :class:`~headstart.errors.HeadstartError` where grid, position and prefix do not fit together, and
    :class:`~headstart.errors.UnsupportedModel` for attention that is no self-attention, or lies otherwise.
    """
    missing = missing_in(model)
    named = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.MultiheadAttention)]
    if not named:
        raise missing("no attention found; looked for nn.MultiheadAttention.")
    table = _table(model, position, missing)
    width = table.shape[-1]
    patches = _check_grid(grid)
    prefix = max(0, table.shape[1] - patches) if prefix is None else prefix
    if table.shape[1] not in (patches, patches + prefix):
        raise HeadstartError(
            f"position {position!r} has {table.shape[1]} rows, which is neither the {patches} patches of the "
            f"{grid[0]}×{grid[1]} grid nor these and {prefix} prefix tokens; name another grid, prefix or parameter."
        )
    shape: dict[str, Any] = {"grid": (int(grid[0]), int(grid[1])), "prefix": prefix, "width": width}
    blocks: list[BlockView] = []
    around: list[nn.Module] = []
    for name, attention in named:
        block = _block_of(model, name, missing)
        norm, std = _norm(block, attention, around[-1] if around else None)
        view = view_encoder_block(attention, norm, block, name, shape, missing)
        view.stream_std = std
        blocks.append(view)
        around.append(block)
    return AttentionView(
        model=model,
        blocks=blocks,
        grid=shape["grid"],
        prefix=prefix,
        absolute=Position("learned" if table.requires_grad else "fixed", table.detach(), table.shape[1] > patches),
        width=width,
        entry=around[0],
        final=After(around[-1]),
        prefix_tokens=_tokens(model, prefix, table),
        patch_embed=_patch_embed(model, width),
        named={"grid": grid, "position": position, "prefix": prefix},
    )


def _check_grid(grid: Any) -> int:
    fits = (
        isinstance(grid, (tuple, list)) and len(grid) == 2 and all(isinstance(side, int) and side > 0 for side in grid)
    )
    if not fits:
        raise HeadstartError(f"grid must be the number of patches as (height, width); got {grid!r}.")
    return grid[0] * grid[1]


def _table(model: nn.Module, position: str, missing: Missing) -> Tensor:
    """The named position embedding as (1, rows, D), on the same memory."""
    found = {**dict(model.named_parameters()), **dict(model.named_buffers())}.get(position)
    if found is None:
        raise missing(
            f"it has no parameter or buffer {position!r} that could hold positions; give its dotted name as "
            "model.named_parameters() does, such as 'encoder.pos_embedding'."
        )
    if found.ndim not in (2, 3) or (found.ndim == 3 and found.shape[0] != 1):
        raise missing(f"position {position!r} has shape {tuple(found.shape)}, expected (1, rows, D) or (rows, D).")
    return found if found.ndim == 3 else found[None]


def _block_of(model: nn.Module, name: str, missing: Missing) -> nn.Module:
    """The innermost module around the attention that has a norm; else the one that holds it."""
    above = [name.rpartition(".")[0]]
    while above[-1]:
        above.append(above[-1].rpartition(".")[0])
    modules = [model.get_submodule(path) for path in above if path]
    modules = [module for module in modules if not isinstance(module, _CONTAINERS)]
    normed = [m for m in modules if any(isinstance(child, _NORMS) for child in m.children())]
    if not modules:
        raise missing(f"{name} is not in a block of its own; put the attention and the norm before it in one module.")
    if isinstance(block := (normed or modules)[0], nn.TransformerDecoderLayer):
        raise missing(f"{name} is in a TransformerDecoderLayer, whose queries and keys come from different sequences.")
    return block


def _norm(block: nn.Module, attention: nn.Module, previous: nn.Module | None) -> tuple[nn.Module, float | None]:
    """What the stream passes on its way to the heads, and its size before that where this is known.

    Post-norm blocks (``norm_first=False``) hand on a normalised stream, which the next one's heads read as it is: for
    them it is the norm at the end of the block before.
    """
    if isinstance(block, nn.TransformerEncoderLayer):
        if block.norm_first:
            return block.norm1, None
        if isinstance(previous, nn.TransformerEncoderLayer) and not previous.norm_first:
            return previous.norm2, 1.0
        return nn.Identity(), None
    children = list(block.children())
    place = next((i for i, child in enumerate(children) if any(m is attention for m in child.modules())), 0)
    norms = [child for child in children[:place] if isinstance(child, _NORMS)][-1:]
    norms += [child for child in children if isinstance(child, _NORMS)]
    return (norms[0] if norms else nn.Identity()), None


def view_encoder_block(
    attention: nn.MultiheadAttention,
    norm: nn.Module,
    block: nn.Module,
    name: str,
    shape: dict[str, Any],
    missing: Missing,
) -> BlockView:
    """See one ``nn.MultiheadAttention``; ``shape`` holds grid, prefix and width of the sequence."""
    if attention.in_proj_weight is None:
        raise missing(f"{name} has separate weights for keys and values (kdim, vdim): it reads two sequences, not one.")
    if not attention.batch_first:
        raise missing(f"{name} wants tokens before images (batch_first=False); build it with batch_first=True.")
    if attention.bias_k is not None or attention.add_zero_attn:
        raise missing(f"{name} adds keys that are no tokens (add_bias_kv, add_zero_attn); build it without.")
    if attention.embed_dim != shape["width"]:
        raise missing(f"{name} has width {attention.embed_dim}, the position embedding {shape['width']}.")
    linear = [m for m in block.modules() if isinstance(m, nn.Linear) and m is not attention.out_proj]
    first = next((m for m in linear if m.in_features == shape["width"]), None)
    last = next((m for m in reversed(linear) if m.out_features == shape["width"]), None)
    return BlockView(
        **shape,
        attention=attention,
        norm=norm,
        heads=attention.num_heads,
        head_dim=attention.head_dim,
        scale=attention.head_dim**-0.5,
        projection=fused(
            attention.in_proj_weight, attention.embed_dim, {"qkv": attention.in_proj_bias}, attention.out_proj
        ),
        mlp_in=first,
        mlp_out=last if last is not first else None,
    )


def _tokens(model: nn.Module, prefix: int, table: Tensor) -> list[Tensor]:
    width = table.shape[-1]
    shapes = ((1, 1, width), (1, width), (width,))
    own = [p.detach().view(1, 1, width) for p in model.parameters(recurse=False) if tuple(p.shape) in shapes]
    return own if len(own) == prefix else [torch.zeros(1, prefix, width).to(table.device)][:prefix]


def _patch_embed(model: nn.Module, width: int) -> nn.Conv2d | None:
    """The model's only convolution, if it cuts images into patches."""
    convs = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    if len(convs) != 1 or convs[0].out_channels != width or convs[0].kernel_size != convs[0].stride:
        return None
    return convs[0]
