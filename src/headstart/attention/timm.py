"""The adapter for timm's ``VisionTransformer`` family, and for the library's own ViT, which has the same names.

It looks at structure, not at classes, so that timm need not be imported. Eva (EVA-02, DINOv3, rotary ViTs) and BEiT
share the frame and differ in their blocks; Swin and Mixer have files of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from headstart.attention.block import BlockView, RelativeBias
from headstart.attention.hooks import evaluating
from headstart.attention.local import LocalMap, LocalView, local_projection
from headstart.attention.pieces import Missing, as_conv, as_identity, as_linear, bias_table, fused, missing_in, separate
from headstart.attention.view import AttentionView, Position

__all__ = ["view_timm"]

# Blocks that normalise, attend and add, in that order. timm's other blocks (parallel, post-norm, differential) differ.
_BLOCKS = ("Block", "EvaBlock")


def view_timm(model: nn.Module) -> AttentionView:
    """See a timm-style ViT; raises :class:`~headstart.errors.UnsupportedModel` naming what was missing."""
    missing = missing_in(model)
    patch_embed = getattr(model, "patch_embed", None)
    grid = getattr(patch_embed, "grid_size", None)
    if grid is None or len(grid) != 2:
        raise missing("no patch grid found; looked for patch_embed.grid_size (height, width).")
    blocks = getattr(model, "blocks", None)
    if not isinstance(blocks, (nn.ModuleList, nn.Sequential)) or len(blocks) == 0:
        raise missing("no transformer blocks found; looked for a list named blocks.")
    slimmed = next((index for index, block in enumerate(blocks) if hasattr(block, "slim")), None)
    if slimmed is not None:
        raise missing(
            f"its tokens become fewer behind blocks[{slimmed}], so that later heads have no grid to look over; look at "
            "the un-slimmed model, start a slim one with init=default, and name slim last among the methods."
        )
    final = next((m for name in ("norm", "fc_norm") if isinstance(m := getattr(model, name, None), nn.Module)), None)
    if final is None:
        raise missing("nothing found after the last block; looked for norm.")
    tokens = [t for n in ("cls_token", "dist_token", "reg_token") if (t := getattr(model, n, None)) is not None]
    prefix = sum(t.shape[1] for t in tokens)
    width = getattr(model, "embed_dim", None) or _norm_of(blocks[0], missing).normalized_shape[0]
    shape = {"grid": (int(grid[0]), int(grid[1])), "prefix": prefix, "width": int(width)}
    views = [_view_block(block, index, shape, missing) for index, block in enumerate(blocks)]
    for block, rotate in zip(views, _rotations(model, blocks), strict=True):
        block.rotate = rotate
    if getattr(model, "rel_pos_bias", None) is not None:
        raise missing("all blocks share one relative position bias, so that none can have heads of its own.")
    return AttentionView(
        model=model,
        blocks=views,
        grid=shape["grid"],
        prefix=prefix,
        absolute=_position(model, shape, views[0].source is not None, missing),
        width=shape["width"],
        entry=blocks[0],
        final=final,
        prefix_tokens=tokens,
        patch_embed=as_conv(getattr(patch_embed, "proj", None)),
        stem_last=as_conv(getattr(getattr(patch_embed, "proj", None), "last", None)),
        pre_norm=as_identity(getattr(model, "norm_pre", None)),
    )


def _norm_of(block: nn.Module, missing: Missing) -> Any:
    norm = getattr(block, "norm1", None)
    if not isinstance(norm, nn.Module):
        raise missing("blocks[0]: looked for norm1.")
    return norm


def _position(model: nn.Module, shape: dict[str, Any], elsewhere: bool, missing: Missing) -> Position | None:
    """The absolute embedding; needed unless position enters ``elsewhere``, in the blocks."""
    table = getattr(model, "pos_embed", None)
    patches, prefix = shape["grid"][0] * shape["grid"][1], shape["prefix"]
    if not isinstance(table, Tensor):
        if elsewhere:
            return None
        raise missing(
            "no absolute position embedding found; looked for pos_embed, and in its place for rope (rotary) and "
            "relative_position_bias_table (relative). Heads can only learn offsets from positions: build the model "
            "with one, e.g. pos_embed='learn' in timm."
        )
    if table.ndim != 3 or table.shape[1] not in (patches, patches + prefix):
        raise missing(
            f"pos_embed has shape {tuple(table.shape)}, expected (1, {patches}, D) or (1, {patches + prefix}, D) "
            f"for its {shape['grid'][0]}×{shape['grid'][1]} grid with {prefix} prefix tokens."
        )
    return Position("learned" if table.requires_grad else "fixed", table, table.shape[1] > patches)


def _view_block(block: nn.Module, index: int, shape: dict[str, Any], missing: Missing) -> BlockView:
    if type(block).__name__ not in _BLOCKS:
        raise missing(
            f"blocks[{index}] is a {type(block).__name__}; only pre-norm blocks ({', '.join(_BLOCKS)}) are seen."
        )
    attention: Any = getattr(block, "attn", None)
    norm = getattr(block, "norm1", None)
    proj = as_linear(getattr(attention, "proj", None))
    local = getattr(attention, "qkv", None)
    local, qkv = (local, None) if isinstance(local, LocalMap) else (None, as_linear(local))
    apart = {n: as_linear(getattr(attention, f"{n}_proj", None)) for n in "qkv"}
    if not isinstance(norm, nn.Module) or proj is None or (local is qkv is None and None in apart.values()):
        raise missing(f"blocks[{index}]: looked for norm1, attn.qkv and attn.proj (linear layers).")
    if getattr(attention, "num_kv_heads", attention.num_heads) != attention.num_heads:
        raise missing(f"blocks[{index}] shares keys between heads (grouped queries), which no scheme sets yet.")
    size = proj.in_features  # heads · head dim, which need not be the width
    if local is not None:
        projection = local_projection(local, proj)
    elif qkv is not None:
        # A bias of the keys that is a buffer of zeros (EVA, BEiT) is neither trained nor saved: none.
        own = {n: getattr(attention, f"{n}_bias", None) for n in "qv"}
        projection = fused(qkv.weight, size, {"qkv": qkv.bias, **own}, proj)
    else:
        projection = separate(**{n: layer for n, layer in apart.items() if layer is not None}, o=proj)
    mlp = getattr(block, "mlp", None)
    return _of_kind(
        local,
        **shape,
        attention=attention,
        norm=norm,
        heads=attention.num_heads,
        head_dim=size // attention.num_heads,
        scale=attention.scale,
        projection=projection,
        q_norm=as_identity(getattr(attention, "q_norm", None)),
        k_norm=as_identity(getattr(attention, "k_norm", None)),
        bias=_relative_bias(attention),
        layer_scale=_layer_scale(block),
        mlp_in=as_linear(getattr(mlp, "fc1", None)),
        mlp_out=as_linear(getattr(mlp, "fc2", None)),
    )


def _of_kind(local: LocalMap | None, **parts: Any) -> BlockView:
    return BlockView(**parts) if local is None else LocalView(**parts, qkv=local)


def _layer_scale(block: nn.Module) -> Tensor | None:
    gamma = getattr(getattr(block, "ls1", None), "gamma", None)
    gamma = gamma if gamma is not None else getattr(block, "gamma_1", None)
    return gamma.detach() if isinstance(gamma, Tensor) else None


def _rotations(model: Any, blocks: Any) -> list[Callable[[Tensor], Tensor] | None]:
    """How each Eva block turns queries and keys (…, H, N, R), by timm's own function; one for all if they share it."""
    rope = getattr(model, "rope", None)
    if rope is None:
        return [None] * len(blocks)
    mixed = getattr(model, "rope_mixed", False)  # frequencies of each block's own
    prefix, half = blocks[0].attn.num_prefix_tokens, getattr(blocks[0].attn, "rotate_half", False)
    shape = () if getattr(rope, "feat_shape", None) is not None else (model.patch_embed.grid_size,)

    def make(index: int | None) -> Callable[[Tensor], Tensor]:
        def rotate(x: Tensor) -> Tensor:
            from timm.layers import apply_rot_embed_cat  # the model came from timm

            with evaluating(rope):  # in training DINOv3's angles are augmented at random
                angles = rope.get_embed(*shape).detach().to(x.device)
            turned = apply_rot_embed_cat(x[..., prefix:, :], angles if index is None else angles[index], half=half)
            return torch.cat([x[..., :prefix, :].expand(*turned.shape[:-2], -1, -1), turned.to(x)], -2)

        return rotate

    return [make(i) for i in range(len(blocks))] if mixed else [make(None)] * len(blocks)


def _relative_bias(attention: Any) -> RelativeBias | None:
    if getattr(attention, "relative_position_bias_table", None) is None:
        return None
    return bias_table(attention, attention.relative_position_index)
