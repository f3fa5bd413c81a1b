"""timm's models beyond the plain ViT: what the view says attention is, against what the model itself computes."""

import pytest
import torch
from torch import nn

from headstart.attention import attention_view
from headstart.attention.capture import captured_maps

timm = pytest.importorskip("timm")
MlpMixer = pytest.importorskip("timm.models.mlp_mixer").MlpMixer

SMALL = {"embed_dim": 48, "depth": 2, "num_heads": 3, "num_classes": 5}
SWIN = {"embed_dim": 24, "depths": (2, 2), "num_heads": (2, 4), "num_classes": 5}
MODELS = {
    "EVA-02: rotary, q bias, absolute embedding too": lambda: timm.create_model(
        "eva02_tiny_patch14_224", img_size=56, **SMALL
    ),
    "DINOv3: rotary, no bias, registers": lambda: timm.create_model("vit_small_patch16_dinov3", img_size=64, **SMALL),
    "rotary with frequencies of each head's own": lambda: timm.create_model(
        "vit_small_patch16_rope_mixed_224", img_size=64, **SMALL
    ),
    "rotary, oblong, Q and K normalised": lambda: timm.create_model(
        "vit_medium_patch16_rope_reg1_gap_256", img_size=(64, 96), qk_norm=True, **SMALL
    ),
    "BEiT: relative bias, class token": lambda: timm.create_model("beit_base_patch16_224", img_size=64, **SMALL),
    "Swin: windows, shifted in the second block": lambda: timm.create_model(
        "swin_tiny_patch4_window7_224", img_size=64, window_size=4, **SWIN
    ),
    "Swin-v2: cosine attention, continuous bias": lambda: timm.create_model(
        "swinv2_tiny_window8_256", img_size=64, window_size=4, **SWIN
    ),
}


def make(name):
    torch.manual_seed(0)
    return MODELS[name]()


def images_for(view, count=3):
    sides = [g * s for g, s in zip(view.grid, view.patch_embed.stride, strict=True)]
    return torch.randn(count, 3, *sides, generator=torch.Generator().manual_seed(1))


def randomise(model):
    """Every weight and bias random, the zero and one ones too, so that none can be forgotten unnoticed."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=generator))
    return model


@pytest.mark.parametrize("name", MODELS)
def test_maps_are_the_models_own(name):
    model = randomise(make(name))
    view = attention_view(model)
    images = images_for(view)
    ours, own = view.maps(images), captured_maps(model, images)
    assert len(ours) == len(own) == len(view.blocks)
    for a, b in zip(ours, own, strict=True):
        assert b.std() > 1e-3  # random weights attend unevenly, so that agreement says something
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_a_shifted_window_hides_what_does_not_touch():
    view = attention_view(make("Swin: windows, shifted in the second block"))
    assert view.blocks[0].mask is None and view.blocks[1].mask is not None
    assert view.blocks[1].visible().float().mean() < 1
    assert [b.grid for b in view.blocks] == [(4, 4)] * 4 and [b.width for b in view.blocks] == [24, 24, 48, 48]
    assert view.grid == (16, 16) and not view.uniform


def test_reading_the_view_leaves_the_models_random_augmentation_alone():
    model = make("DINOv3: rotary, no bias, registers").train()
    state = torch.get_rng_state()
    first, second = (attention_view(model).blocks[0].rotate(torch.ones(1, 1, 21, 16)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), state) and model.rope.training


def test_a_mixer_is_seen_as_groups_of_hidden_units():
    model = MlpMixer(img_size=64, patch_size=16, embed_dim=48, num_blocks=2, num_classes=5)
    view = attention_view(model)
    block = view.blocks[0]
    assert (view.source, block.heads, block.grid) == ("mixing", 2, (4, 4))  # 24 units, 16 patches
    maps = view.maps(images_for(view))
    assert [m.shape for m in maps] == [(3, 2, 16, 16)] * 2
    read, write = model.blocks[0].mlp_tokens.fc1.weight, model.blocks[0].mlp_tokens.fc2.weight
    expected = (write[:, :16] @ read[:16]).abs()
    torch.testing.assert_close(maps[0][0, 0], expected / expected.sum(1, keepdim=True), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: timm.create_model("gmixer_12_224", img_size=64), "MlpMixer: blocks[0] is a MixerBlock; looked for"),
        (
            lambda: timm.create_model("beit_base_patch16_224", img_size=64, use_shared_rel_pos_bias=True, **SMALL),
            "Beit: all blocks share one relative position bias",
        ),
        (
            lambda: timm.create_model("beit_base_patch16_224", img_size=64, use_rel_pos_bias=False, **SMALL),
            "Beit: no absolute position embedding found; looked for pos_embed, and in its place for rope",
        ),
    ],
)
def test_what_cannot_be_seen_says_why(model, message):
    from headstart import UnsupportedModel

    with pytest.raises(UnsupportedModel) as error:
        attention_view(model())
    assert message in str(error.value)


def test_capture_sees_softmax_and_torchs_own_attention_alike():
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    x = torch.randn(1, 5, 8)

    class Plain(nn.Module):
        def forward(self, x):
            return attention(x, x, x, need_weights=False)[0]

    (seen,) = captured_maps(Plain(), x)
    torch.testing.assert_close(seen, attention(x, x, x, average_attn_weights=False)[1], atol=1e-6, rtol=1e-5)
