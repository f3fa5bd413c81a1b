"""A ViT's blocks as the weights of its agent's (2112.03552): W_h = W_h^V W_h^O for the taps, the MLP as it is.

Shapes: ``D`` width, ``H`` heads, ``R`` head dim, ``F`` hidden width of the MLP.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from headstart.attention import AttentionView
from headstart.errors import UnsupportedModel
from headstart.models.agent_block import BlockWeights

__all__ = ["Shared", "as_agent", "shared_parameters"]


class Shared(NamedTuple):
    """The parameters of a ViT's block that its agent uses too."""

    qkv: Tensor  # (3·H·R, D)
    proj: Tensor  # (D, H·R)
    proj_bias: Tensor | None
    fc1: Tensor  # (F, D)
    fc1_bias: Tensor | None
    fc2: Tensor  # (D, F)
    fc2_bias: Tensor | None


def shared_parameters(view: AttentionView) -> list[Shared]:
    """Those of each block.

    Raises :class:`~headstart.errors.UnsupportedModel` for blocks without ``attn.qkv`` and ``attn.proj``, an MLP of two
    linear layers, or with a scale of their own on what the heads add (LayerScale).
    """
    found = []
    for index, block in enumerate(view.blocks):
        attention: Any = block.attention
        layers = (getattr(attention, "qkv", None), getattr(attention, "proj", None), block.mlp_in, block.mlp_out)
        scaled = block.layer_scale is not None
        if scaled or not all(isinstance(layer, nn.Linear) for layer in layers):
            raise UnsupportedModel(
                f"{type(view.model).__name__}: bootstrap:mode=shared shares attn.qkv, attn.proj, mlp.fc1 and mlp.fc2, "
                f"four linear layers, and blocks[{index}] has "
                + ("a LayerScale beside them" if scaled else f"{', '.join(type(layer).__name__ for layer in layers)}")
                + "; use mode=joint, or a plain ViT whose layers no other method replaces."
            )
        qkv, proj, fc1, fc2 = layers
        assert qkv is not None and proj is not None and fc1 is not None and fc2 is not None
        found.append(Shared(qkv.weight, proj.weight, proj.bias, fc1.weight, fc1.bias, fc2.weight, fc2.bias))
    return found


def as_agent(block: Shared, heads: int) -> BlockWeights:
    """The weights of the agent's block: tap ``h`` is W_h^V W_h^O, its bias the output projection's.

    The bias of the values is left out, as in the paper.
    """
    size = block.proj.shape[1]
    values = block.qkv[2 * size :].unflatten(0, (heads, -1))  # (H, R, D)
    output = block.proj.unflatten(1, (heads, -1))  # (D, H, R)
    taps = torch.einsum("ohr,hri->oih", output, values)
    return BlockWeights(taps, block.proj_bias, block.fc1, block.fc1_bias, block.fc2, block.fc2_bias)
