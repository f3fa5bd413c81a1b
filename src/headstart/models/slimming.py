"""A slim ViT: fewer tokens behind chosen blocks of an existing model.

Shapes: ``B`` images, ``P`` prefix tokens first, ``N`` patch tokens, ``D`` width, ``H`` heads of dim ``R``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from headstart.errors import HeadstartError, UnsupportedModel, unknown
from headstart.models.reducers import REDUCERS, Pooled, RandomKept, Reducer, TokenSlim, TopK, cells

__all__ = ["attention_received", "slim_vit", "slimmed_counts"]


def attention_received(block: Any, stream: Tensor, prefix: int, class_token: bool) -> Tensor:
    """The attention that each patch token receives in ``block``, the mean over its heads: (B, N).

    From the class token, or where there is none from the mean of all tokens' queries. ``stream`` (B, P + N, D) is what
    the block gets. With q that query and W_K a head's key weights the logits are (W_Kᵀ q)·LN(x) / √R, so that no key is
    computed: 2·B·(P + N)·H·D operations, and H·D·R·(2 or 4) for each image. No gradient goes through it.
    """
    attention = block.attn
    heads, weight, bias = attention.num_heads, attention.qkv.weight, attention.qkv.bias
    with torch.no_grad():
        x = block.norm1(stream)
        asking = x[:, 0] if class_token else x.mean(dim=1)
        size = weight.shape[0] // 3
        query = nn.functional.linear(asking, weight[:size], None if bias is None else bias[:size])
        query = query.view(len(x), heads, size // heads)
        keys = weight[size : 2 * size].view(heads, size // heads, -1)
        logits = x @ torch.einsum("bhr,hrd->bdh", query, keys) * attention.scale
        return logits.float().softmax(dim=1).mean(dim=2)[:, prefix:]


def slimmed_counts(keep: Sequence[float], patches: int) -> list[int]:
    """The patch tokens left behind each place, ⌊share · patches⌋ as in the released code, but at least 1.

    >>> slimmed_counts([0.5, 0.25, 0.125], 196)
    [98, 49, 24]
    """
    # A share such as 0.29 of 100 is to be 29, and 57/196 of 196 is to be 57.
    return [max(1, math.floor(share * patches + 1e-6)) for share in keep]


def slim_vit(
    model: Any, keep: float | Sequence[float], after: int | Sequence[int] | None = None, how: str = "merge"
) -> Any:
    """Let ``model`` go on with fewer tokens behind some of its blocks; in place, and returned.

    Its own parameters keep their names, so its weights fit as before; those of a reducer behind the i-th block are
    ``blocks.{i−1}.slim.*``. New weights and random positions are drawn from torch's global state.

    Args:
        model: the library's own ViT, or timm's VisionTransformer.
        keep: the share of the grid's tokens that is left behind each place, falling, in (0, 1]: 0.5, 0.25; a number
            is that of one place.
        after: how many blocks come before each place, rising; the depth evenly split unless given.
        how: merge, random, topk or pool: the reducers of :mod:`headstart.models.reducers`.

    Raises :class:`~headstart.errors.HeadstartError` for other models, and shares and places that do not fit.

    >>> from headstart.models import create_vit
    >>> model = slim_vit(create_vit(image_size=32, patch_size=4, depth=3), keep=[0.5, 0.25])
    >>> [model.blocks[i].slim for i in (0, 1)]  # doctest: +ELLIPSIS
    [TokenSlim(
      64 → 32 tokens...
    """
    blocks = _checked(model, how)
    shares = _several(keep)
    places = _places(shares, None if after is None else _several(after), len(blocks))
    grid = model.patch_embed.grid_size
    tokens, before = grid[0] * grid[1], cells(grid[0] * grid[1], grid)
    for place, kept in zip(places, slimmed_counts(shares, tokens), strict=True):
        block, behind = blocks[place - 1], cells(kept, grid)
        shape = (tokens, kept, int(model.num_prefix_tokens))
        reducer: Reducer
        if how == "merge":
            reducer = TokenSlim(*shape, width=block.norm1.normalized_shape[0])
        elif how == "topk":
            reducer = TopK(*shape, class_token=model.cls_token is not None)
        else:
            reducer = Pooled(*shape, before, behind) if how == "pool" else RandomKept(*shape)
        block.slim = reducer.to(block.norm1.weight)  # where it is, and of its type
        # A function of the block: in a deep copy it finds the copy's reducer.
        block.register_forward_hook(_reduce)
        tokens, before = kept, behind
    return model


def _reduce(block: Any, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
    """Behind a block: its output with fewer tokens."""
    reducer = block.slim
    if not reducer.scored:
        return reducer(output)
    return reducer(output, attention_received(block, inputs[0], reducer.prefix, reducer.class_token))


def _checked(model: nn.Module, how: str) -> list[Any]:
    """The blocks of a model that can be slimmed."""
    if how not in REDUCERS:
        raise unknown("way to have fewer tokens", how, REDUCERS)
    name = type(model).__name__
    plain = any(
        kind.__name__ == "VisionTransformer" and kind.__module__.partition(".")[0] in ("headstart", "timm")
        for kind in type(model).__mro__
    )
    blocks = getattr(model, "blocks", None)
    if not plain or not isinstance(blocks, (nn.ModuleList, nn.Sequential)):
        raise UnsupportedModel(
            f"slimming needs one flat list of blocks over all tokens, the library's own ViT or timm's "
            f"VisionTransformer, got {name}; models with stages or convolutions have fewer positions by themselves."
        )
    if any(hasattr(block, "slim") for block in blocks):
        raise HeadstartError(f"this {name} is slimmed already; slim the model it was made of.")
    if how == "topk":
        for index, block in enumerate(blocks):
            attention: Any = getattr(block, "attn", None)
            norms = [getattr(attention, name, nn.Identity()) for name in ("q_norm", "k_norm")]
            plain = isinstance(getattr(attention, "qkv", None), nn.Linear)
            if not plain or not all(isinstance(norm, nn.Identity) for norm in norms):
                raise UnsupportedModel(
                    f"topk reads the attention of blocks with one linear layer for Q, K and V and no norm of them, and "
                    f"block {index} of this {name} is another; use merge, pool or random."
                )
    return list(blocks)


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (tuple, list)) else [value]


def _places(keep: list[float], after: list[int] | None, depth: int) -> list[int]:
    """How many blocks come before each place; raises for shares and places that do not fit."""
    shares_fit = keep and all(isinstance(k, (int, float)) and 0 < k <= 1 for k in keep)
    if not shares_fit or any(later > earlier for earlier, later in pairwise(keep)):
        raise HeadstartError(
            "keep: expected the share of the grid's tokens left behind each place, in (0, 1] and not rising, such as "
            f"0.5/0.25, got {'/'.join(map(str, keep)) or 'none'}."
        )
    if len(keep) >= depth:
        raise HeadstartError(
            f"keep names {len(keep)} places to slim, and a model of {depth} blocks has {depth - 1} between them; name "
            "fewer shares."
        )
    if after is None:
        return [(index + 1) * depth // (len(keep) + 1) for index in range(len(keep))]
    fits = all(isinstance(p, int) and 0 < p < depth for p in after) and after == sorted(set(after))
    if len(after) != len(keep) or not fits:
        raise HeadstartError(
            f"after: expected {len(keep)} different numbers of blocks, rising, from 1 to {depth - 1}, one for each "
            f"share in keep, got {'/'.join(map(str, after)) or 'none'}."
        )
    return after
