"""The models that methods of surgery know their way about in: the library's own ViT, and timm's VisionTransformer.

Both have the same names: ``patch_embed.proj``, ``blocks[i].mlp.fc1``, and so on.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from headstart.attention import AttentionView
from headstart.errors import UnsupportedModel

__all__ = ["embedding_of", "mlps_of", "projection_of"]


def _plain(view: AttentionView, method: str) -> Any:
    model = view.model
    for kind in type(model).__mro__:
        if kind.__name__ == "VisionTransformer" and kind.__module__.partition(".")[0] in ("headstart", "timm"):
            return model
    raise UnsupportedModel(
        f"method {method!r} works on the library's own ViT and on timm's VisionTransformer, got a "
        f"{type(model).__name__} of {type(model).__module__}; train one of these, or leave {method} out."
    )


def embedding_of(view: AttentionView, method: str) -> Any:
    """The module ``patch_embed`` of the model, with ``proj`` and ``img_size``.

    Raises :class:`~headstart.errors.UnsupportedModel` for another model, and for a hybrid one.
    """
    embedding = _plain(view, method).patch_embed
    if type(embedding).__name__ != "PatchEmbed":
        raise UnsupportedModel(
            f"method {method!r} changes a plain patch embedding, and this model has a {type(embedding).__name__}; "
            f"build it without, or leave {method} out."
        )
    return embedding


def projection_of(view: AttentionView, method: str) -> nn.Conv2d:
    """The patch projection, a convolution whose kernel is its stride.

    Raises :class:`~headstart.errors.UnsupportedModel` for another model, and where something else stands there already.
    """
    proj = embedding_of(view, method).proj
    if type(proj) is nn.Conv2d and proj.kernel_size == proj.stride and not any(proj.padding) and proj.groups == 1:
        return proj
    raise UnsupportedModel(
        f"method {method!r} replaces the patch projection, a convolution whose kernel is its stride, and finds "
        f"a {type(proj).__name__} that is none; only one of overlap and convstem goes into a model."
    )


def mlps_of(view: AttentionView, method: str) -> list[tuple[Any, nn.Module]]:
    """Every block and its MLP of two linear layers, ``fc1`` and ``fc2``.

    Raises :class:`~headstart.errors.UnsupportedModel` for another model, and for MLPs of another kind.
    """
    found = []
    for index, block in enumerate(_plain(view, method).blocks):
        mlp = block.mlp
        layers = [getattr(mlp, name, None) for name in ("fc1", "fc2")]
        if type(mlp).__name__ != "Mlp" or not all(isinstance(layer, nn.Linear) for layer in layers):
            raise UnsupportedModel(
                f"method {method!r} changes MLPs of two linear layers (fc1, fc2), and block {index} has a "
                f"{type(mlp).__name__}; build the model with plain ones, or leave {method} out."
            )
        found.append((block, mlp))
    return found
