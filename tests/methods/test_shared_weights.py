from typing import Any

import pytest
import torch
from torch import nn

from headstart.attention import attention_view
from headstart.errors import UnsupportedModel
from headstart.methods import resolve_methods
from headstart.methods.shared_weights import as_agent, shared_parameters
from headstart.models.agent_block import generalised_conv, shifts
from headstart.models.vit import create_vit

timm_vit = pytest.importorskip("timm.models.vision_transformer")

SMALL: dict[str, Any] = {"width": 24, "depth": 2, "heads": 3, "image_size": (12, 20), "num_classes": 5}
TIMM: dict[str, Any] = {
    "img_size": (12, 20), "patch_size": 4, "embed_dim": 24, "depth": 2, "num_heads": 3, "num_classes": 5,
}  # fmt: skip


@pytest.mark.parametrize(
    "model",
    [
        create_vit(**SMALL, pool="class", registers=2),
        timm_vit.VisionTransformer(**TIMM),
        timm_vit.VisionTransformer(**TIMM, qkv_bias=False, reg_tokens=2),
    ],
    ids=["own", "timm", "timm without biases"],
)
def test_heads_that_attend_to_one_place_each_are_the_convolution(model: nn.Module) -> None:
    """Y = Σ_h Ψ_h X W_h^V W_h^O + b with Ψ_h the h-th shift, zeros around."""
    view = attention_view(model)
    block = view.blocks[1]
    nn.init.normal_(model.blocks[1].attn.proj.bias)
    height, width = view.grid
    x = torch.randn(2, height, width, 24)
    expected = model.blocks[1].attn.proj.bias.expand(2, height, width, 24)
    for head, (dy, dx) in enumerate(shifts(3)):  # (0, 0), (0, 1), (1, 0)
        moved = torch.zeros_like(x)
        moved[:, : height - dy, : width - dx] = x[:, dy:, dx:]
        expected = expected + moved @ block.read("v")[head] @ block.read("o")[head]
    weights = as_agent(shared_parameters(view)[1], block.heads)
    found = generalised_conv(x.permute(0, 3, 1, 2), weights.taps, weights.bias)
    torch.testing.assert_close(found.permute(0, 2, 3, 1), expected)
    assert weights.fc1 is model.blocks[1].mlp.fc1.weight and weights.fc2_bias is model.blocks[1].mlp.fc2.bias


def test_queries_and_keys_are_not_shared() -> None:
    model = create_vit(**SMALL)
    as_agent(shared_parameters(attention_view(model))[0], 3).taps.sum().backward()
    gradient = model.blocks[0].attn.qkv.weight.grad
    assert gradient is not None and gradient[:48].eq(0).all() and gradient[48:].ne(0).all()


def test_blocks_that_cannot_be_shared_are_told() -> None:
    scaled = timm_vit.VisionTransformer(**TIMM, init_values=1.0)
    with pytest.raises(UnsupportedModel, match=r"blocks\[0\] has a LayerScale beside them; use mode=joint"):
        shared_parameters(attention_view(scaled))
    model = create_vit(**SMALL)
    model = resolve_methods(["life"])[0].attach(model, attention_view(model))
    with pytest.raises(UnsupportedModel, match=r"blocks\[0\] has LocalQKV, Linear, Linear, Linear; use mode=joint"):
        shared_parameters(attention_view(model))
