"""One view of any library's attention: read and write weights per head, maps, measures."""

from __future__ import annotations

from torch import nn

from headstart.attention.block import BlockView, RelativeBias
from headstart.attention.guards import check_model, check_trainable, check_view, unwrap, watch_frozen
from headstart.attention.measures import (
    entropy,
    mean_attention,
    offset_of,
    offset_profile,
    shift_targets,
    target_mass,
)
from headstart.attention.mixer import MixingView, view_mixer
from headstart.attention.multihead import view_multihead
from headstart.attention.swin import view_swin
from headstart.attention.timm import view_timm
from headstart.attention.torchvision import is_torchvision, view_torchvision
from headstart.attention.transformers import is_transformers, view_transformers
from headstart.attention.view import AttentionView, Position
from headstart.errors import HeadstartError, UnsupportedModel

__all__ = [
    "AttentionView", "BlockView", "MixingView", "Position", "RelativeBias", "UnsupportedModel",
    "attention_view", "check_trainable", "entropy", "mean_attention", "offset_of", "offset_profile", "shift_targets",
    "target_mass", "watch_frozen",
]  # fmt: skip


def attention_view(
    model: nn.Module | AttentionView,
    *,
    grid: tuple[int, int] | None = None,
    position: str | None = None,
    prefix: int | None = None,
) -> AttentionView:
    """See the attention of a model: the library's own ViT, or one of timm, transformers or torchvision.

    Any other made of ``nn.MultiheadAttention`` or ``nn.TransformerEncoderLayer`` is seen if ``grid``, the patches
    (height, width), and ``position``, the dotted name of its position embedding, are named; ``prefix`` is the number of
    class tokens, where the embedding has no rows for them. Compiled and parallel models are unwrapped. A view is
    returned as it is, so that whatever takes a model takes a view too.

    Raises :class:`~headstart.errors.UnsupportedModel`, naming the class and what was missing.
    """
    if isinstance(model, AttentionView):
        return model
    if not isinstance(model, nn.Module):
        raise UnsupportedModel(f"expected a torch.nn.Module, got {type(model).__name__}.")
    model = unwrap(model)
    check_model(model)
    view = _see(model, grid, position, prefix)
    check_view(view)
    return view


def _see(model: nn.Module, grid: tuple[int, int] | None, position: str | None, prefix: int | None) -> AttentionView:
    if grid is not None and position is not None:
        return view_multihead(model, grid, position, prefix)
    if (grid, position, prefix) != (None, None, None):
        raise HeadstartError("grid= and position= belong together: name both, or neither for a known model.")
    if is_transformers(model):
        return view_transformers(model)
    if is_torchvision(model):
        return view_torchvision(model)
    if hasattr(getattr(model, "stem", None), "grid_size") and hasattr(model, "blocks"):
        return view_mixer(model)
    if hasattr(model, "layers") and hasattr(model, "patch_embed"):
        return view_swin(model)
    if not hasattr(model, "patch_embed"):
        raise UnsupportedModel(
            f"{type(model).__name__}: no patch grid found; looked for patch_embed.grid_size (timm), "
            "embeddings.patch_embeddings (transformers) and encoder.pos_embedding (torchvision). For a model of "
            "nn.MultiheadAttention name grid=(height, width) and position='its.position.parameter'."
        )
    return view_timm(model)
