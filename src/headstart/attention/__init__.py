"""One view of any library's attention: read and write weights per head, maps, measures."""

from __future__ import annotations

from torch import nn

from headstart.attention.block import BlockView, RelativeBias
from headstart.attention.measures import (
    entropy,
    mean_attention,
    offset_of,
    offset_profile,
    shift_targets,
    target_mass,
)
from headstart.attention.mixer import MixingView, view_mixer
from headstart.attention.swin import view_swin
from headstart.attention.timm import view_timm
from headstart.attention.view import AttentionView, Position
from headstart.errors import UnsupportedModel

__all__ = [
    "AttentionView", "BlockView", "MixingView", "Position", "RelativeBias", "UnsupportedModel",
    "attention_view", "entropy", "mean_attention", "offset_of", "offset_profile", "shift_targets", "target_mass",
]  # fmt: skip


def attention_view(model: nn.Module) -> AttentionView:
    """See the attention of a model: the library's own ViT or timm's ``VisionTransformer`` family.

    Raises :class:`~headstart.errors.UnsupportedModel`, naming the class and what was missing, for any other.
    """
    if not isinstance(model, nn.Module):
        raise UnsupportedModel(f"expected a torch.nn.Module, got {type(model).__name__}.")
    if hasattr(model, "stem") and hasattr(model, "blocks"):
        return view_mixer(model)
    if hasattr(model, "layers") and hasattr(model, "patch_embed"):
        return view_swin(model)
    return view_timm(model)
