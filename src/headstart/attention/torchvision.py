"""The adapter for torchvision's ``VisionTransformer`` (``vit_b_16`` and its like), found by structure."""

from __future__ import annotations

from typing import Any

from torch import nn

from headstart.attention.multihead import view_multihead
from headstart.attention.pieces import as_conv, missing_in
from headstart.attention.view import AttentionView

__all__ = ["is_torchvision", "view_torchvision"]


def is_torchvision(model: nn.Module) -> bool:
    """Whether a model has the names of torchvision's ViT: an ``encoder`` with ``pos_embedding``, a ``class_token``."""
    return hasattr(model, "class_token") and hasattr(getattr(model, "encoder", None), "pos_embedding")


def view_torchvision(model: Any) -> AttentionView:
    """See a ViT of torchvision's: pre-norm blocks of ``nn.MultiheadAttention`` in ``encoder.layers``.

    Its grid is square by construction. The head that it starts with zeros is left as it is.
    """
    side = int(model.image_size) // int(model.patch_size)
    rows = model.encoder.pos_embedding.shape[1]
    if rows != side * side + 1:
        raise missing_in(model)(
            f"encoder.pos_embedding has {rows} rows, expected {side * side + 1} for a {side}×{side} grid and a class "
            "token."
        )
    view = view_multihead(model, (side, side), "encoder.pos_embedding")
    view.patch_embed = as_conv(model.conv_proj)  # a stem of several convolutions has none
    return view
