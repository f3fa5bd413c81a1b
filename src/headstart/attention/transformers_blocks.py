"""One block of transformers' vision models: projections with a layer each, norms, relative bias, rotation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from headstart.attention.block import BlockView, RelativeBias
from headstart.attention.hooks import evaluating
from headstart.attention.pieces import Missing, as_linear, bias_table, first_of, separate, table_index

__all__ = ["bias_table", "mlp_ends", "projections", "rotation", "view_layer"]


def view_layer(layer: nn.Module, index: int, shape: dict[str, Any], missing: Missing) -> BlockView:
    """See one pre-norm block; ``shape`` holds its grid, prefix and width."""
    attention: Any = first_of(layer, "attention", "self_attn")
    norm = first_of(layer, "layernorm_before", "norm1", "layer_norm1")
    found = projections(attention)
    if found is None or not isinstance(norm, nn.Module):
        raise missing(
            f"blocks[{index}], a {type(layer).__name__}: looked for attention with linear layers for queries, keys, "
            "values and output, and for the norm before it."
        )
    inner, linear = found
    if first_of(inner, "q_norm", "k_norm") is not None and not isinstance(inner.q_norm, nn.Identity):
        raise missing(f"blocks[{index}] normalises queries and keys of all heads together, which no scheme sets yet.")
    heads = int(first_of(inner, "num_attention_heads", "num_heads"))
    size = linear["q"].out_features
    if linear["k"].out_features != size:
        raise missing(f"blocks[{index}] shares keys between heads (grouped queries), which no scheme sets yet.")
    scale = first_of(inner, "scaling", "scale")
    mlp_in, mlp_out = mlp_ends(layer)
    return BlockView(
        **shape,
        attention=attention,
        norm=norm,
        heads=heads,
        head_dim=size // heads,
        scale=float(scale) if scale is not None else (size // heads) ** -0.5,
        projection=separate(**linear),
        bias=_class_token_bias(first_of(layer, "relative_position_bias") or inner, shape, missing),
        layer_scale=_layer_scale(layer),
        mlp_in=mlp_in,
        mlp_out=mlp_out,
    )


def projections(attention: Any) -> tuple[Any, dict[str, nn.Linear]] | None:
    """The module that holds the layers of queries, keys and values, and these with the output's (q, k, v, o)."""
    inner = first_of(attention, "attention", "self") or attention
    names = {"q": ("q_proj", "query"), "k": ("k_proj", "key"), "v": ("v_proj", "value"), "o": ("o_proj", "out_proj")}
    linear = {key: as_linear(first_of(inner, *options)) for key, options in names.items()}
    if linear["o"] is None:
        linear["o"] = as_linear(getattr(getattr(attention, "output", None), "dense", None))
    found = {key: layer for key, layer in linear.items() if layer is not None}
    return (inner, found) if len(found) == len(names) else None


def mlp_ends(layer: Any) -> tuple[nn.Linear | None, nn.Linear | None]:
    """The first and last layer of a block's MLP; a gated one has no single first."""
    mlp = getattr(layer, "mlp", None)
    if mlp is None:
        first, last = (getattr(getattr(layer, name, None), "dense", None) for name in ("intermediate", "output"))
    else:
        gated = hasattr(mlp, "gate_proj")
        first = None if gated else first_of(mlp, "fc1", "up_proj")
        last = first_of(mlp, "fc2", "down_proj", "weights_out")
    return as_linear(first), as_linear(last)


def _layer_scale(layer: Any) -> Tensor | None:
    gamma = getattr(getattr(layer, "layer_scale1", None), "lambda1", None)
    gamma = gamma if gamma is not None else getattr(layer, "lambda_1", None)  # a plain 1.0 where there is none
    return gamma.detach() if isinstance(gamma, Tensor) else None


def _class_token_bias(holder: Any, shape: dict[str, Any], missing: Missing) -> RelativeBias | None:
    """BEiT's table: an entry for each offset, then three more, for the class token as query, as key and both."""
    holder = getattr(holder, "relative_position_bias", holder)
    table = getattr(holder, "relative_position_bias_table", None)
    if table is None:
        return None
    (height, width), prefix = shape["grid"], shape["prefix"]
    if height != width or prefix != 1 or len(table) != (2 * height - 1) * (2 * width - 1) + 3:
        raise missing(
            f"the relative bias table has {len(table)} entries for a {height}×{width} grid with {prefix} prefix "
            "tokens; expected a square grid with a class token, since the model resamples the table of any other."
        )
    index = torch.full((1 + height * width,) * 2, len(table) - 2, device=table.device)
    index[0] = len(table) - 3
    index[0, 0] = len(table) - 1
    index[1:, 1:] = table_index((height, width)).to(table.device)
    return bias_table(holder, index)


def rotation(rope: nn.Module, grid: tuple[int, int], conv: nn.Conv2d, prefix: int) -> Callable[[Tensor], Tensor]:
    """How DINOv3 turns queries and keys (…, N, R): channel i with i + R/2, by the angles of the model's own module."""
    height, width = (side * step for side, step in zip(grid, conv.stride, strict=True))

    def rotate(x: Tensor) -> Tensor:
        blank = torch.zeros(1, 1, height, width, device=x.device)  # only its size matters
        with evaluating(rope), torch.no_grad():  # in training the angles are augmented at random
            cos, sin = (t.to(x) for t in rope(blank))
        still, patches = x[..., :prefix, :], x[..., prefix:, :]
        first, second = patches.chunk(2, -1)
        turned = patches * cos + torch.cat([-second, first], -1) * sin
        return torch.cat([still, turned], -2)

    return rotate
