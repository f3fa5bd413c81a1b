"""The adapter for timm's ``VisionTransformer`` family, and for the library's own ViT, which has the same names.

It looks at structure, not at classes, so that timm need not be imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from headstart.attention.block import BlockView
from headstart.attention.view import AttentionView, Position
from headstart.errors import UnsupportedModel

__all__ = ["view_timm"]

# Blocks that normalise, attend and add, in that order. timm's other blocks (parallel, post-norm, differential) differ.
_BLOCKS = ("Block",)


def view_timm(model: nn.Module) -> AttentionView:
    """See a timm-style ViT; raises :class:`~headstart.errors.UnsupportedModel` naming what was missing."""
    name = type(model).__name__

    def missing(what: str) -> UnsupportedModel:
        return UnsupportedModel(f"{name}: {what}")

    patch_embed = getattr(model, "patch_embed", None)
    grid = getattr(patch_embed, "grid_size", None)
    if grid is None or len(grid) != 2:
        raise missing("no patch grid found; looked for patch_embed.grid_size (height, width).")
    blocks = getattr(model, "blocks", None)
    if not isinstance(blocks, (nn.ModuleList, nn.Sequential)) or len(blocks) == 0:
        raise missing("no transformer blocks found; looked for a list named blocks.")
    table = getattr(model, "pos_embed", None)
    if not isinstance(table, nn.Parameter):
        raise missing(
            "no absolute position embedding found; looked for pos_embed. Heads can only learn offsets from "
            "positions: build the model with one, e.g. pos_embed='learn' in timm."
        )
    tokens = [t for n in ("cls_token", "dist_token", "reg_token") if (t := getattr(model, n, None)) is not None]
    prefix, patches = sum(t.shape[1] for t in tokens), grid[0] * grid[1]
    if table.ndim != 3 or table.shape[1] not in (patches, patches + prefix):
        raise missing(
            f"pos_embed has shape {tuple(table.shape)}, expected (1, {patches}, D) or (1, {patches + prefix}, D) "
            f"for its {grid[0]}×{grid[1]} grid with {prefix} prefix tokens."
        )
    final = getattr(model, "norm", None)
    if not isinstance(final, nn.Module):
        raise missing("nothing found after the last block; looked for norm.")
    proj = getattr(patch_embed, "proj", None)
    pre_norm = getattr(model, "norm_pre", None)
    shape = {"grid": (int(grid[0]), int(grid[1])), "prefix": prefix, "width": table.shape[2]}
    return AttentionView(
        model=model,
        blocks=[_view_block(block, index, shape, missing) for index, block in enumerate(blocks)],
        grid=shape["grid"],
        prefix=prefix,
        absolute=Position("learned" if table.requires_grad else "fixed", table, table.shape[1] > patches),
        width=table.shape[2],
        entry=blocks[0],
        final=final,
        prefix_tokens=tokens,
        patch_embed=proj if isinstance(proj, nn.Conv2d) else None,
        pre_norm=pre_norm if pre_norm is not None else nn.Identity(),
    )


def _view_block(
    block: nn.Module, index: int, shape: dict[str, Any], missing: Callable[[str], UnsupportedModel]
) -> BlockView:
    if type(block).__name__ not in _BLOCKS:
        raise missing(
            f"blocks[{index}] is a {type(block).__name__}; only pre-norm blocks ({', '.join(_BLOCKS)}) are seen."
        )
    attention: Any = getattr(block, "attn", None)
    norm = getattr(block, "norm1", None)
    qkv, proj = getattr(attention, "qkv", None), getattr(attention, "proj", None)
    if not (isinstance(norm, nn.Module) and isinstance(qkv, nn.Linear) and isinstance(proj, nn.Linear)):
        raise missing(f"blocks[{index}]: looked for norm1, attn.qkv and attn.proj (linear layers).")
    heads = attention.num_heads
    size = proj.in_features  # heads · head dim, which need not be the width

    def projection(name: str) -> tuple[Tensor, Tensor | None]:
        if name == "o":
            return proj.weight.data, None if proj.bias is None else proj.bias.data
        rows = slice("qkv".index(name) * size, ("qkv".index(name) + 1) * size)
        return qkv.weight.data[rows], None if qkv.bias is None else qkv.bias.data[rows]

    fc1, fc2 = (getattr(getattr(block, "mlp", None), name, None) for name in ("fc1", "fc2"))
    return BlockView(
        **shape,
        attention=attention,
        norm=norm,
        heads=heads,
        head_dim=size // heads,
        scale=attention.scale,
        projection=projection,
        q_norm=getattr(attention, "q_norm", None) or nn.Identity(),
        k_norm=getattr(attention, "k_norm", None) or nn.Identity(),
        mlp_in=fc1 if isinstance(fc1, nn.Linear) else None,
        mlp_out=fc2 if isinstance(fc2, nn.Linear) else None,
    )
