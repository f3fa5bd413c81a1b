"""Features by forward hook: equal to the model's own, with prefix tokens and channels where they are."""

import pytest
import torch
from torch import nn

from headstart.errors import HeadstartError
from headstart.evaluation.verification import features, features_of
from headstart.models import create_edgevit, create_vit

IMAGES = torch.randn(5, 3, 8, 12, generator=torch.Generator().manual_seed(0))


def vit(**options: object) -> nn.Module:
    return create_vit("tiny", image_size=(8, 12), patch_size=4, width=24, depth=2, heads=3, **options)


def test_maps_are_pooled_over_places_or_laid_out() -> None:
    net = nn.Sequential(nn.Conv2d(3, 7, 3), nn.ReLU())
    with torch.no_grad():
        maps = net(IMAGES)
    torch.testing.assert_close(features(net, IMAGES, "1", batch_size=2), maps.mean((2, 3)))
    flat = features(net, IMAGES, "1", "flatten")
    assert torch.equal(flat.view(5, 60, 7), maps.flatten(2).transpose(1, 2))


@pytest.mark.parametrize(
    "options", [{}, {"pool": "class"}, {"registers": 2}, {"pool": "class", "registers": 2}], ids=str
)
def test_tokens_are_pooled_without_the_prefix(options: dict) -> None:
    model = vit(**options)
    kept = []
    model.blocks[1].register_forward_hook(lambda _module, _args, out: kept.append(out))
    with torch.no_grad():
        model.eval()(IMAGES)
    prefix = model.num_prefix_tokens
    assert torch.allclose(features(model, IMAGES, "blocks.1"), kept[0][:, prefix:].mean(1), atol=1e-6)
    assert features(model, IMAGES, "blocks.1", "flatten").shape == (5, 6 * 24)
    if prefix:
        assert torch.equal(features(model, IMAGES, "blocks.1", "class"), kept[0][:, 0])


def test_the_model_is_left_as_it_was() -> None:
    model = vit().train()
    model.blocks[0].eval()
    features(model, IMAGES, "blocks.0")
    assert model.training and not model.blocks[0].training
    assert not any(module._forward_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_batch_norm_learns_nothing_from_strangers() -> None:
    model = create_edgevit("xxs", image_size=32, patch_size=1, num_classes=2).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    assert features(model, torch.randn(2, 3, 32, 32), "blocks.6").shape == (2, 288)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_several_layers_come_in_the_order_in_which_they_run() -> None:
    found = features_of(vit(), IMAGES, ["norm", "blocks.1", "blocks.0"])
    # norm is an identity after the last block, whose tokens it gives on.
    assert list(found) == ["blocks.0", "blocks.1", "norm"]
    assert torch.equal(found["norm"], found["blocks.1"])


def test_channels_last_are_told_by_the_sides_of_the_image() -> None:
    class Last(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.permute(0, 2, 3, 1)[:, ::2, ::2]

    net = nn.Sequential(Last())
    assert torch.allclose(features(net, IMAGES, "0"), IMAGES[:, :, ::2, ::2].mean((2, 3)), atol=1e-6)


def test_torchvision_vits_and_swin() -> None:
    models = pytest.importorskip("torchvision").models
    images = torch.randn(2, 3, 32, 32)
    model = models.VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=3)
    name = "encoder.layers.encoder_layer_0"
    assert features(model, images, name, "flatten").shape == (2, 16 * 16)  # the class token is left out
    assert features(model, images, name, "class").shape == (2, 16)
    swin = models.SwinTransformer([4, 4], 12, [1, 1], [2, 2], [2, 2], num_classes=3)
    assert features(swin, images, "features.1.0").shape == (2, 12)


@pytest.mark.parametrize(
    ("layer", "pool", "message"),
    [
        ("block.1", "mean", "unknown layer of VisionTransformer 'block.1': did you mean 'blocks.1'"),
        ("blocks.1", "max", "unknown pool 'max'"),
        ("blocks.1", "class", "layer 'blocks.1' has no class token; use pool mean or flatten"),
        ("blocks", "mean", "layer 'blocks' of VisionTransformer is not run in a forward pass"),
    ],
)
def test_what_gives_no_features_is_told(layer: str, pool: str, message: str) -> None:
    with pytest.raises(HeadstartError, match=message):
        features(vit(), IMAGES, layer, pool)  # type: ignore[arg-type]


def test_a_layer_without_a_row_for_each_image_is_told() -> None:
    with pytest.raises(HeadstartError, match=r"layer '0' gives a tensor of \(480, 3\); expected maps"):
        features(Rows(), IMAGES, "0")


class Rows(nn.Sequential):
    def __init__(self) -> None:
        class Mixed(nn.Module):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return x.permute(0, 2, 3, 1).reshape(-1, 3)

        super().__init__(Mixed())


def test_no_images_are_told() -> None:
    with pytest.raises(HeadstartError, match=r"n and batch_size at least 1, got \(0, 3, 8, 12\)"):
        features(vit(), IMAGES[:0], "blocks.0")


def test_they_are_what_timm_itself_gives_of_a_block() -> None:
    vision_transformer = pytest.importorskip("timm.models.vision_transformer")
    model = vision_transformer.VisionTransformer(
        img_size=(8, 12), patch_size=4, embed_dim=24, depth=3, num_heads=3, reg_tokens=2, num_classes=0
    )
    with torch.no_grad():
        tokens = model.eval().forward_intermediates(
            IMAGES, indices=[1], norm=False, output_fmt="NLC", intermediates_only=True
        )[0]
    torch.testing.assert_close(features(model, IMAGES, "blocks.1"), tokens.mean(1))
    torch.testing.assert_close(features(model, IMAGES, "blocks.1", "flatten"), tokens.flatten(1))
