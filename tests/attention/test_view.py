import pytest
import torch
import torch.nn.functional as F
from torch import nn

import headstart
from headstart import HeadstartError, UnsupportedModel, attention_view, create_vit

timm_vit = pytest.importorskip("timm.models.vision_transformer")


def small_timm(**options):
    sizes = {"img_size": 16, "patch_size": 4, "embed_dim": 48, "depth": 2, "num_heads": 3, "num_classes": 5}
    return timm_vit.VisionTransformer(**{**sizes, **options})


MODELS = {
    "own": lambda: create_vit(image_size=16, width=48, depth=2, heads=3),
    "own with prefix, oblong": lambda: create_vit(
        image_size=(16, 24), patch_size=(4, 8), width=48, depth=2, heads=3, pool="class", registers=2
    ),
    "timm": small_timm,
    "timm no_embed_class": lambda: small_timm(no_embed_class=True, reg_tokens=2),
    "timm without qkv bias": lambda: small_timm(qkv_bias=False),
    "timm QK-norm, LayerScale": lambda: small_timm(qk_norm=True, init_values=0.1),
    "timm pre-norm": lambda: small_timm(pre_norm=True),
}


def randomise(model: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for p in model.parameters():
        nn.init.normal_(p, std=0.2)
    return model.eval()


def images_for(model: nn.Module, count: int = 3) -> torch.Tensor:
    size = model.patch_embed.img_size
    return torch.randn(count, 3, *size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", MODELS)
def test_maps_are_the_attention_of_the_models_own_forward_pass(name, monkeypatch):
    model = randomise(MODELS[name]())
    images = images_for(model)
    seen = []

    def spy(q, k, v, scale=None, **_):
        attention = torch.softmax(q @ k.transpose(-1, -2) * (scale or q.shape[-1] ** -0.5), -1)
        seen.append(attention)
        return attention @ v

    with monkeypatch.context() as patch:
        patch.setattr(F, "scaled_dot_product_attention", spy)
        model(images)
    maps = attention_view(model).maps(images)
    assert len(maps) == len(seen) == 2
    for ours, theirs in zip(maps, seen, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_reading_and_writing_weights_per_head(name):
    model = randomise(MODELS[name]())
    view = attention_view(model)
    images = images_for(model)
    before = model(images)
    for block in view.blocks:
        H, R, D = block.heads, block.head_dim, view.width
        assert [tuple(block.read(n).shape) for n in "qkvo"] == [(H, D, R)] * 3 + [(H, R, D)]
        if block.has_bias("q"):
            assert [tuple(block.read(f"{n}_bias").shape) for n in "qkvo"] == [(H, R)] * 3 + [(D,)]
        order = [2, 0, 1]  # heads do not mind their order, if all of their weights move together
        for n in "qkvo":
            block.write(n, block.read(n)[order])
        for n in "qkv" if block.has_bias("q") else "":
            block.write(f"{n}_bias", block.read(f"{n}_bias")[order])
    torch.testing.assert_close(model(images), before, atol=1e-4, rtol=1e-4)
    view.blocks[0].write("q", torch.zeros(H, D, R))
    assert not torch.allclose(model(images), before, atol=1e-4)


def test_queries_are_input_times_read_weight_plus_bias():
    model = randomise(create_vit(width=48, depth=1, heads=3))
    block = attention_view(model).blocks[0]
    x = torch.randn(5, 48)
    ours = torch.einsum("nd,hdr->nhr", x, block.read("q")) + block.read("q_bias")
    torch.testing.assert_close(ours.flatten(1), model.blocks[0].attn.qkv(x)[:, :48], atol=1e-5, rtol=1e-4)


def test_position_input_is_what_the_first_block_gets_from_a_blank_patch_embedding():
    for name in ("own with prefix, oblong", "timm no_embed_class", "timm pre-norm"):
        model = randomise(MODELS[name]())
        for p in model.patch_embed.parameters():
            nn.init.zeros_(p)
        view = attention_view(model)
        got = []
        view.visit(images_for(model, 1), lambda i, block, x: got.append(x[0]))  # noqa: B023
        torch.testing.assert_close(view.position_input(0).float(), got[0], atol=1e-5, rtol=1e-4)


def test_a_visit_leaves_hooks_modes_and_grad_flags_as_they_were():
    model = create_vit(width=24, depth=2, heads=2)
    model.train()
    model.blocks[1].eval()
    with pytest.raises(RuntimeError, match="stop"):
        attention_view(model).visit(images_for(model), lambda *_: (_ for _ in ()).throw(RuntimeError("stop")))
    assert not any(m._forward_pre_hooks for m in model.modules())
    assert model.training and model.blocks[0].training and not model.blocks[1].training
    assert torch.is_grad_enabled()


def headless(model: nn.Module, name: str) -> nn.Module:
    setattr(model, name, None)
    return model


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: nn.Linear(3, 3), "Linear: no patch grid found; looked for patch_embed.grid_size"),
        (
            lambda: small_timm(pos_embed="none"),
            "VisionTransformer: no absolute position embedding found; looked for pos_embed,",
        ),
        (lambda: small_timm(block_fn=timm_vit.ResPostBlock, init_values=0.1), "blocks[0] is a ResPostBlock"),
        (lambda: small_timm(block_fn=timm_vit.ParallelScalingBlock), "blocks[0] is a ParallelScalingBlock"),
        (lambda: headless(create_vit(width=24, depth=1, heads=2), "blocks"), "no transformer blocks found"),
        (lambda: "vit", "expected a torch.nn.Module, got str"),
    ],
)
def test_a_model_that_cannot_be_seen_says_what_was_missing(model, message):
    with pytest.raises(UnsupportedModel) as error:
        attention_view(model())
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(1, 3, 28, 28), "expected shape (B, 3, 32, 32) with B ≥ 1, got (1, 3, 28, 28)"),
        (torch.zeros(3, 32, 32), "expected shape (B, 3, 32, 32)"),
        (torch.zeros(0, 3, 32, 32), "with B ≥ 1"),
        (torch.zeros(1, 3, 32, 32, dtype=torch.uint8), "got dtype torch.uint8; scale and normalise them"),
        ([1, 2], "got list"),
    ],
)
def test_images_that_do_not_fit_say_so(images, message):
    model = create_vit(width=24, depth=1, heads=2)
    for use in (
        attention_view(model).maps,
        lambda x: headstart.measure(model, x),
        lambda x: headstart.init_(model, images=x),
    ):
        with pytest.raises(HeadstartError) as error:
            use(images)
        assert message in str(error.value)
