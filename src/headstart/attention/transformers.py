"""The adapter for Hugging Face transformers' vision models whose blocks all attend over the whole grid.

ViT, DeiT, ViT-MSN, I-JEPA, DINOv2 with and without registers, DINOv3, BEiT, Data2Vec-vision and the image towers of
CLIP and SigLIP, bare or inside a classifier. It looks at structure, not at classes, so that transformers need not be
imported; what the blocks hold is found in ``transformers_blocks.py``, and Swin has a file of its own.
"""

from __future__ import annotations

import inspect
from typing import Any

from torch import Tensor, nn

from headstart.attention.pieces import After, Missing, as_conv, as_identity, first_of, missing_in
from headstart.attention.transformers_blocks import rotation, view_layer
from headstart.attention.transformers_swin import view_transformers_swin
from headstart.attention.view import AttentionView, Position

__all__ = ["is_transformers", "view_transformers"]

# In the order in which the models put them in front of the patches.
_TOKENS = ("cls_token", "class_embedding", "distillation_token", "register_tokens")


def is_transformers(model: nn.Module) -> bool:
    """Whether a vision model has transformers' frame: a ``config``, and ``embeddings`` that hold the patches'."""
    return hasattr(model, "config") and _base(model) is not None


def _base(model: nn.Module) -> Any:
    """The model itself, or the part of a classifier that embeds patches; ``None`` if there is none."""
    for part in (model, *model.children()):
        embeddings = getattr(part, "embeddings", None)
        if embeddings is not None and first_of(embeddings, "patch_embeddings", "patch_embedding") is not None:
            return part
    return None


def view_transformers(model: nn.Module) -> AttentionView:
    """See a vision model of transformers; raises :class:`~headstart.errors.UnsupportedModel` with what was missing."""
    missing = missing_in(model)
    base = _base(model)
    if base is None:
        raise missing("no patch embedding found; looked for embeddings.patch_embeddings, in the model and its parts.")
    if hasattr(model, "text_model"):
        raise missing("it reads images and text; pass the part that reads images, model.vision_model.")
    embeddings = base.embeddings
    if hasattr(embeddings, "random_masking"):
        raise missing(
            "its forward pass drops patches at random and shuffles the rest, so that no token has a place of its own; "
            "initialise a ViTModel of the same sizes, whose weights have the same names, and load them from there."
        )
    if hasattr(base, "encoder") and hasattr(embeddings, "patch_grid"):
        return view_transformers_swin(model, base)
    layers = _layers(base)
    if layers is None or len(layers) == 0:
        raise missing("no transformer blocks found; looked for layers, encoder.layers, encoder.layer and model.layer.")
    conv = as_conv(_patch_conv(embeddings))
    if conv is None:
        raise missing("no patch embedding found; looked for a Conv2d in embeddings.")
    grid = _grid(base, conv)
    tokens = [
        t.detach().view(1, -1, conv.out_channels) for n in _TOKENS if (t := getattr(embeddings, n, None)) is not None
    ]
    prefix = sum(t.shape[1] for t in tokens)
    if any(getattr(part, "shared_position_bias", None) is not None for part in (base, *base.children())) or hasattr(
        getattr(base, "encoder", None), "relative_position_bias"
    ):
        raise missing("all blocks share one relative position bias, so that none can have heads of its own.")
    shape = {"grid": grid, "prefix": prefix, "width": conv.out_channels}
    blocks = [view_layer(layer, index, shape, missing) for index, layer in enumerate(layers)]
    if isinstance(rope := getattr(base, "rope_embeddings", None), nn.Module):
        rotate = rotation(rope, grid, conv, prefix)
        for block in blocks:
            block.rotate = rotate
    return AttentionView(
        model=model,
        blocks=blocks,
        grid=grid,
        prefix=prefix,
        absolute=_position(embeddings, shape, blocks[0].source, missing),
        width=conv.out_channels,
        entry=layers[0],
        final=After(layers[-1]),  # CLIP's last norm gets the class token alone, and some models have none
        prefix_tokens=tokens,
        patch_embed=conv,
        pre_norm=as_identity(first_of(base, "pre_layrnorm", "pre_layernorm")),
    )


def _layers(base: Any) -> nn.ModuleList | None:
    for holder in (base, getattr(base, "encoder", None), getattr(base, "model", None)):
        found = first_of(holder, "layers", "layer")
        if isinstance(found, nn.ModuleList):
            return found
    return None


def _patch_conv(embeddings: Any) -> Any:
    patches = first_of(embeddings, "patch_embeddings", "patch_embedding")
    return patches if isinstance(patches, nn.Conv2d) else getattr(patches, "projection", None)


def _grid(base: Any, conv: nn.Conv2d) -> tuple[int, int]:
    """Patches (height, width) of an image of the size that the model was built for."""
    size = getattr(base.embeddings.__dict__.get("_modules", {}).get("patch_embeddings"), "image_size", None)
    size = size if size is not None else base.config.image_size
    sides = (size, size) if isinstance(size, int) else tuple(size)
    h, w = ((side - k) // s + 1 for side, k, s in zip(sides, conv.kernel_size, conv.stride, strict=True))
    return int(h), int(w)


def _position(embeddings: Any, shape: dict[str, Any], elsewhere: str | None, missing: Missing) -> Position | None:
    """The absolute embedding; needed unless position enters ``elsewhere``, in the blocks."""
    found = first_of(embeddings, "position_embeddings", "position_embedding")
    parameter = found.weight if isinstance(found, nn.Embedding) else found
    (height, width), prefix = shape["grid"], shape["prefix"]
    if not isinstance(parameter, Tensor):
        if elsewhere is not None:
            return None
        raise missing(
            "no position embedding found; looked for embeddings.position_embeddings (absolute), and in its place for "
            "rope_embeddings (rotary) and relative_position_bias (relative). Heads can only learn offsets from "
            "positions: build the model with one, e.g. use_relative_position_bias=True in a BeitConfig."
        )
    table = parameter.detach().view(1, -1, parameter.shape[-1])
    covered, registers = table.shape[1] - height * width, getattr(embeddings, "register_tokens", None)
    if covered not in (0, prefix, prefix - (0 if registers is None else registers.shape[1])):
        raise missing(
            f"the position embedding has {table.shape[1]} rows, expected {height * width} for its {height}×{width} "
            f"grid, with or without its {prefix} prefix tokens."
        )
    if height != width and _always_resizes(embeddings):
        raise missing(
            f"its forward pass reads the position embedding as a square, which its {height}×{width} grid is not; "
            "use a square image_size."
        )
    return Position("learned" if parameter.requires_grad else "fixed", table, covered > 0)


def _always_resizes(embeddings: Any) -> bool:
    """Whether the embedding is fitted to each image's size, unasked, which starts from a square."""
    resizes = hasattr(embeddings, "interpolate_pos_encoding")
    return resizes and "interpolate_pos_encoding" not in inspect.signature(embeddings.forward).parameters
