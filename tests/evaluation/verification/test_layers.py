"""Which layers are candidates, in the library's own models, timm's and torchvision's."""

import pytest
import torch
from torch import nn

from headstart.errors import HeadstartError
from headstart.evaluation.verification import layers
from headstart.models import create_edgevit, create_vit


def test_the_blocks_of_our_own_models() -> None:
    assert layers(create_vit("tiny", width=48, depth=3, heads=3)) == ["blocks.0", "blocks.1", "blocks.2"]
    found = layers(create_edgevit("xxs", image_size=32, patch_size=1))
    assert [name for name in found if name.startswith("blocks")] == [f"blocks.{k}" for k in range(7)]


@pytest.mark.parametrize(
    ("name", "count", "first", "last"),
    [
        ("resnet18", 8, "layer1.0", "layer4.1"),
        ("vit_tiny_patch16_224", 12, "blocks.0", "blocks.11"),
        ("convnext_atto", 12, "stages.0.blocks.0", "stages.3.blocks.1"),
        ("swin_tiny_patch4_window7_224", 12, "layers.0.blocks.0", "layers.3.blocks.1"),
        ("mobilevit_xxs", 10, "stages.0.0", "stages.4.1"),
        ("efficientnet_b0", 16, "blocks.0.0", "blocks.6.0"),
    ],
)
def test_the_blocks_of_timm(name: str, count: int, first: str, last: str) -> None:
    timm = pytest.importorskip("timm")
    with torch.device("meta"):  # without numbers: only the names are looked at
        found = layers(timm.create_model(name))
    assert (len(found), found[0], found[-1]) == (count, first, last)


@pytest.mark.parametrize(
    ("name", "count", "first", "last"),
    [
        ("resnet18", 8, "layer1.0", "layer4.1"),
        ("vgg11", 8, "features.0", "features.18"),  # convolutions: it has no blocks
        ("vit_b_32", 12, "encoder.layers.encoder_layer_0", "encoder.layers.encoder_layer_11"),
        ("mobilenet_v2", 19, "features.0", "features.18"),
    ],
)
def test_the_blocks_of_torchvision(name: str, count: int, first: str, last: str) -> None:
    models = pytest.importorskip("torchvision").models
    with torch.device("meta"):
        found = layers(models.get_model(name, weights=None))
    assert (len(found), found[0], found[-1]) == (count, first, last)


def test_a_model_without_layers_to_choose_says_so() -> None:
    with pytest.raises(HeadstartError, match=r"Sequential has no list of blocks and fewer than two .* of 0\."):
        layers(nn.Sequential(nn.Linear(2, 2)))
