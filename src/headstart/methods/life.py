"""LIFE (2305.08551): queries, keys and values from a token alone and from its neighbours, at several scales."""

from __future__ import annotations

from typing import Any

from torch import nn

from headstart.attention import AttentionView
from headstart.attention.local import LocalMap
from headstart.errors import HeadstartError, UnsupportedModel, unknown
from headstart.methods.local_qkv import LocalQKV, PlainQKV
from headstart.methods.method import Method
from headstart.methods.registry import register

__all__ = ["LIFE"]


@register
class LIFE(Method):
    """Local features in queries, keys and values (2305.08551, Pattern Recognition 2024).

    Every block's ``attn.qkv`` becomes a :class:`~headstart.methods.local_qkv.LocalQKV` with new weights.

    Args:
        kernels: side of each scale's depthwise convolution, odd; the first is 1, the linear map. Their number S divides
            the width. Published with three; with another number a scale has 3C/S channels, our own generalisation.
        norm: a LayerNorm on Q, K and V.
        cascade: each scale reads the one before; without, every scale reads the block's input (our own reading of
            "parallel": the paper's text could not be had).
        control: "plain" is the negative control, the ordinary linear map and one 3×3 depthwise convolution behind it,
            at about the same cost (30C more parameters a block, LIFE 32C); the other options then have no say.

    A scheme of ``init_`` other than "default" turns the depthwise convolutions into the identity to begin with, so that
    heads look where they are to; the published start is kept by "default" alone.

    Differs from the released code: its class token takes all keys from the first scale, here each from its own; it
    leaves the norm out where there is no class token; here grids may be oblong and prefix tokens any number.

    Raises :class:`~headstart.errors.HeadstartError` for kernels that do not suit, and for models whose blocks have no
    ``attn.qkv`` that it can replace.
    """

    name = "life"

    def __init__(
        self,
        kernels: tuple[int, ...] = (1, 3, 5),
        norm: bool = False,
        cascade: bool = True,
        control: str = "none",
    ) -> None:
        super().__init__()
        sides = tuple(kernels) if isinstance(kernels, (tuple, list)) else (kernels,)
        odd = all(isinstance(side, int) and side > 0 and side % 2 for side in sides)
        if not odd or len(sides) < 2 or sides[0] != 1:
            raise HeadstartError(
                f"life: kernels must be two or more odd numbers that begin with 1, the linear map, got {kernels!r}; "
                "kernels=1/3/5, for example."
            )
        if control not in ("none", "plain"):
            raise unknown("control of life", control, ("none", "plain"))
        self.kernels, self.norm, self.cascade, self.control = sides, norm, cascade, control

    def attach(self, model: nn.Module, view: AttentionView) -> nn.Module:
        layers = [_linear(view, index) for index in range(len(view.blocks))]
        width, scales = view.width, len(self.kernels)
        if self.control == "none" and width % scales:
            raise HeadstartError(
                f"life: width {width} is not divisible by {scales}, the number of kernels, which share it evenly; "
                f"choose width {width // scales * scales or scales}, for example, or another number of kernels."
            )
        for block, linear in zip(view.blocks, layers, strict=True):
            attention: Any = block.attention
            attention.qkv = self._replacement(linear, view).to(linear.weight)
        return model

    def _replacement(self, linear: nn.Linear, view: AttentionView) -> LocalMap:
        if self.control == "plain":
            return PlainQKV(linear, view.grid, view.prefix)
        return LocalQKV(
            view.width,
            view.grid,
            view.prefix,
            self.kernels,
            bias=linear.bias is not None,
            norm=self.norm,
            cascade=self.cascade,
        )


def _linear(view: AttentionView, index: int) -> nn.Linear:
    """The linear map that a block's attention calls for Q, K and V, all of them D wide."""
    block = view.blocks[index]
    attention: Any = block.attention
    qkv = getattr(attention, "qkv", None)
    # Eva and BEiT have the same name for weights that they do not call as a module.
    plain = block.source is None and type(attention).__name__ == "Attention" and not hasattr(attention, "q_bias")
    if not isinstance(qkv, nn.Linear) or qkv.out_features != 3 * qkv.in_features or not plain or not view.uniform:
        raise UnsupportedModel(
            f"{type(view.model).__name__}: life replaces attn.qkv, one linear layer (D → 3D) of a plain ViT with an "
            f"absolute position embedding, and blocks[{index}] has {type(attention).__name__}.qkv = "
            f"{type(qkv).__name__}; use the library's own ViT (create_vit) or timm's VisionTransformer, unchanged."
        )
    return qkv
