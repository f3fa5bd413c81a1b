"""The adapter for transformers' Swin (2103.14030) and Swin-v2 (2111.09883): attention in windows, with a relative bias.

The library makes the masks of shifted windows in its forward pass, from the image; here they are made once, for the
size that the model was built for.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from headstart.attention.block import BlockView
from headstart.attention.continuous_bias import continuous_bias
from headstart.attention.pieces import After, Missing, UnitNorm, as_conv, bias_table, missing_in, separate
from headstart.attention.transformers_blocks import mlp_ends, projections
from headstart.attention.view import AttentionView, Position

__all__ = ["shifted_mask", "view_transformers_swin"]

_HIDDEN = -100.0  # what the library adds to the logits of pairs that do not see each other


def view_transformers_swin(model: nn.Module, base: Any) -> AttentionView:
    """See a Swin; ``base`` is the part of ``model`` with ``embeddings`` and ``encoder``.

    Blocks are those of all stages in order, each with its window as grid.
    """
    missing = missing_in(model)
    conv = as_conv(getattr(base.embeddings.patch_embeddings, "projection", None))
    if conv is None:
        raise missing("no patch embedding found; looked for embeddings.patch_embeddings.projection, a Conv2d.")
    grid = (int(base.embeddings.patch_grid[0]), int(base.embeddings.patch_grid[1]))
    blocks: list[BlockView] = []
    sides, std = grid, 1.0  # the embeddings end in a norm
    for depth, stage in enumerate(base.encoder.layers):
        for index, layer in enumerate(stage.blocks):
            blocks.append(_view_layer(layer, f"layers[{depth}].blocks[{index}]", sides, std, missing))
        if stage.downsample is not None:
            std = _merged_std(stage.downsample)
            sides = ((sides[0] + 1) // 2, (sides[1] + 1) // 2)
    layers = [layer for stage in base.encoder.layers for layer in stage.blocks]
    return AttentionView(
        model=model,
        blocks=blocks,
        grid=grid,
        prefix=0,
        absolute=_position(base.embeddings, grid, missing),
        width=conv.out_channels,
        entry=layers[0],
        final=After(layers[-1]),
        patch_embed=conv,
    )


def _view_layer(layer: Any, name: str, sides: tuple[int, int], std: float, missing: Missing) -> BlockView:
    found = projections(layer.attention)
    if found is None:
        raise missing(f"{name}: looked for attention with linear layers for queries, keys, values and output.")
    inner, linear = found
    cosine = hasattr(inner, "continuous_position_bias_mlp")
    window, shift = int(layer.window_size), int(layer.shift_size)
    built = int(_side(inner.window_size if cosine else inner.relative_position_bias.window_size))
    if not cosine and min(sides) <= window:  # the library decides this in its first forward pass
        window, shift = min(sides), 0
    if window != built:
        raise missing(
            f"{name} gets a map of {sides[0]}×{sides[1]} tokens, smaller than its window of {built}, and the library "
            "cannot run such a model; use a larger image_size, a smaller window_size or patch_size, or fewer stages."
        )
    heads, size = inner.num_attention_heads, linear["q"].out_features
    mask = shifted_mask(sides, window, shift)
    mlp_in, mlp_out = mlp_ends(layer)
    index = _index_holder(inner, cosine).relative_position_index.view(window * window, -1)
    return BlockView(
        attention=layer.attention,
        norm=nn.Identity() if cosine else layer.layernorm_before,  # v2 normalises what the heads give
        heads=heads,
        head_dim=size // heads,
        width=linear["o"].out_features,
        grid=(window, window),
        prefix=0,
        scale=1.0 if cosine else float(inner.scaling),
        projection=separate(**linear),
        q_norm=UnitNorm() if cosine else nn.Identity(),
        k_norm=UnitNorm() if cosine else nn.Identity(),
        bias=continuous_bias(_continuous(inner), index) if cosine else bias_table(inner.relative_position_bias, index),
        mask=None if mask is None else mask.to(linear["q"].weight.device) * (2 if cosine else 1),  # v2 adds it twice
        temperature=inner.logit_scale if cosine else None,
        stream_std=std,
        mlp_in=mlp_in,
        mlp_out=mlp_out,
    )


def _index_holder(inner: Any, cosine: bool) -> Any:
    """The module that holds the index of the bias."""
    return inner if cosine else inner.relative_position_bias


def _side(window: Any) -> int:
    return window if isinstance(window, int) else window[0]


def _continuous(inner: Any) -> Any:
    """Swin-v2's bias network under the names that it has in the other libraries."""
    return SimpleNamespace(
        cpb_mlp=inner.continuous_position_bias_mlp,
        relative_coords_table=inner.relative_coords_table,
    )


def shifted_mask(sides: tuple[int, int], window: int, shift: int) -> Tensor | None:
    """What is added to the logits of windows shifted by ``shift``: (windows, T, T), ``None`` without a shift.

    The map (height, width) is padded to whole windows and rolled; tokens that come from opposite edges meet in one
    window and must not see each other.
    """
    if shift == 0:
        return None
    regions = []
    for side in sides:
        padded = -(-side // window) * window
        region = torch.zeros(padded, dtype=torch.long)
        region[padded - window :] += 1
        region[padded - shift :] += 1
        regions.append(region.view(-1, window))
    label = 3 * regions[0][:, None, :, None] + regions[1][None, :, None, :]  # (h windows, w windows, window, window)
    label = label.reshape(-1, window * window)
    return (label[:, :, None] != label[:, None, :]) * _HIDDEN


def _position(embeddings: Any, grid: tuple[int, int], missing: Missing) -> Position | None:
    """Swin's optional absolute embedding, beside the relative one."""
    table = getattr(embeddings, "position_embeddings", None)
    if table is None:
        return None
    if table.shape[1] != grid[0] * grid[1]:
        raise missing(
            f"position_embeddings has {table.shape[1]} rows for {grid[0] * grid[1]} patches, and the library cannot "
            "run such a model; build it with use_absolute_embeddings=False."
        )
    return Position("learned" if table.requires_grad else "fixed", table.detach(), False)


def _merged_std(merge: Any) -> float:
    """Root mean square of the stream after merging patches: one where a norm comes last, else by the weights' rows."""
    if merge.norm.normalized_shape[0] == merge.reduction.out_features:
        return 1.0
    return float(merge.reduction.weight.detach().double().square().sum(1).mean().sqrt())
