from typing import Any

import pytest
import torch
from torch import nn

from headstart.attention import attention_view
from headstart.errors import HeadstartError, UnsupportedModel
from headstart.methods import resolve_methods
from headstart.methods.agents import make_agent
from headstart.models import AgentCNN
from headstart.models.vit import create_vit

timm_vit = pytest.importorskip("timm.models.vision_transformer")

SMALL: dict[str, Any] = {"width": 24, "depth": 2, "heads": 3, "image_size": (16, 24), "num_classes": 5}


def made(model: nn.Module, name: str = "mirror", stem: str = "res-like", own: bool = True) -> Any:
    return make_agent(name, model, attention_view(model), stem, own)


def test_a_mirror_has_the_sizes_of_its_vit() -> None:
    agent = made(create_vit(**SMALL, mlp_ratio=2.0, in_channels=1, pool="class"))
    assert isinstance(agent, AgentCNN) and agent.channels == [24, 24] and agent.image_size == (16, 24)
    assert agent.blocks[0].taps.shape == (24, 24, 3) and agent.blocks[0].fc1.shape == (48, 24)
    assert agent(torch.randn(2, 1, 16, 24)).shape == (2, 5)
    bare = made(create_vit(**SMALL), own=False)
    assert not [name for name, _ in bare.named_parameters() if "taps" in name or "fc" in name]


def test_a_mirror_of_timms_vit_and_of_one_with_another_stem() -> None:
    model = timm_vit.VisionTransformer(
        img_size=(16, 24), patch_size=4, embed_dim=24, depth=2, num_heads=3, num_classes=5, reg_tokens=2
    )
    assert made(model)(torch.randn(2, 3, 16, 24)).shape == (2, 5)
    model = create_vit(**SMALL, in_channels=1)
    model = resolve_methods(["convstem"])[0].attach(model, attention_view(model))
    assert made(model)(torch.randn(2, 1, 16, 24)).shape == (2, 5)


def test_other_agents() -> None:
    model = create_vit(**SMALL)
    assert made(model, "agent_s").channels == [288] * 6
    assert made(model, "agent_b", stem="base").channels == [384] * 12
    assert made(model, "timm/resnet18").channels == [64, 64, 128, 256, 512]


def test_models_that_do_not_tell_enough() -> None:
    headless = create_vit(**SMALL)
    headless.head = nn.Identity()  # type: ignore[assignment]
    with pytest.raises(UnsupportedModel, match="VisionTransformer: bootstrap needs a model that classifies"):
        made(headless)
    model = create_vit(**SMALL)
    del model.patch_embed.img_size
    with pytest.raises(UnsupportedModel, match="bootstrap needs the size of the images"):
        made(model)
    with pytest.raises(HeadstartError, match=r"sides of 2, 4, 8, 16 pixels, got \(12, 12\); use stem=base"):
        made(create_vit(**{**SMALL, "image_size": 24, "patch_size": 12}))
