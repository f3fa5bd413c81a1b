"""The adapter for timm's Swin (2103.14030) and Swin-v2 (2111.09883): attention in windows, with a relative bias."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from headstart.attention.block import BlockView
from headstart.attention.continuous_bias import continuous_bias
from headstart.attention.pieces import UnitNorm, as_conv, as_linear, bias_table, fused, missing_in
from headstart.attention.view import AttentionView

__all__ = ["view_swin"]


def view_swin(model: Any) -> AttentionView:
    """See a Swin of timm's: blocks are those of all stages in order, each with its window as grid."""
    missing = missing_in(model)
    blocks: list[BlockView] = []
    for depth, stage in enumerate(model.layers):
        std = _entering_std(model, stage)
        for index, block in enumerate(stage.blocks):
            if getattr(block, "dynamic_mask", False):
                raise missing(f"layers[{depth}].blocks[{index}] makes its mask anew for each image (dynamic_mask).")
            blocks.append(_view_block(block, std))
    grid = model.patch_embed.grid_size
    return AttentionView(
        model=model,
        blocks=blocks,
        grid=(int(grid[0]), int(grid[1])),
        prefix=0,
        absolute=None,
        width=blocks[0].width,
        entry=model.layers[0].blocks[0],
        final=model.norm,
        patch_embed=as_conv(model.patch_embed.proj),
    )


def _view_block(block: Any, std: float) -> BlockView:
    attention = block.attn
    qkv, proj = attention.qkv, attention.proj
    cosine = hasattr(attention, "cpb_mlp")
    own = {n: getattr(attention, f"{n}_bias", None) for n in "qv"}
    height, width = attention.window_size
    return BlockView(
        attention=attention,
        norm=nn.Identity() if cosine else block.norm1,  # v2 normalises what the heads give, not what they get
        heads=attention.num_heads,
        head_dim=proj.in_features // attention.num_heads,
        width=proj.out_features,
        grid=(int(height), int(width)),
        prefix=0,
        scale=1.0 if cosine else attention.scale,
        projection=fused(qkv.weight, proj.in_features, {"qkv": qkv.bias, **own}, proj),
        q_norm=UnitNorm() if cosine else nn.Identity(),
        k_norm=UnitNorm() if cosine else nn.Identity(),
        bias=continuous_bias(attention) if cosine else bias_table(attention, attention.relative_position_index),
        mask=block.attn_mask,
        temperature=attention.logit_scale if cosine else None,
        stream_std=std,
        mlp_in=as_linear(getattr(block.mlp, "fc1", None)),
        mlp_out=as_linear(getattr(block.mlp, "fc2", None)),
    )


def _entering_std(model: Any, stage: Any) -> float:
    """Root mean square of the stream that enters a stage: one after a norm, else what the merging weights make."""
    merge = stage.downsample
    if isinstance(merge, nn.Identity):
        embed: Tensor = model.patch_embed.proj.weight.detach()
        return 1.0 if not isinstance(model.patch_embed.norm, nn.Identity) else _row_size(embed)
    after = merge.norm.normalized_shape[0] == merge.reduction.out_features  # v2 normalises after merging, v1 before
    return 1.0 if after else _row_size(merge.reduction.weight.detach())


def _row_size(weight: Tensor) -> float:
    return float(torch.linalg.vector_norm(weight.double().flatten(1), dim=1).square().mean().sqrt())
