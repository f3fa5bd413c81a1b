import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import headstart
from headstart.attention import attention_view
from headstart.attention.capture import captured_maps
from headstart.errors import HeadstartError
from headstart.evaluation import cost
from headstart.methods import resolve_methods
from headstart.methods.local_qkv import LocalQKV, PlainQKV
from headstart.models.vit import create_vit
from headstart.training import Recipe, compare
from headstart.training.stacked import Stacked
from headstart.training.together import Together

timm_vit = pytest.importorskip("timm.models.vision_transformer")

SMALL: dict[str, Any] = {"width": 48, "depth": 2, "heads": 3, "image_size": (16, 24), "num_classes": 5}


def attached(spec: str = "life", model: nn.Module | None = None, **options: Any) -> Any:
    torch.manual_seed(0)
    model = create_vit(**{**SMALL, **options}) if model is None else model
    return resolve_methods([spec])[0].attach(model, attention_view(model))


def small_timm(**options: Any) -> nn.Module:
    sizes = {"img_size": (16, 24), "patch_size": 4, "embed_dim": 48, "depth": 2, "num_heads": 3, "num_classes": 5}
    return timm_vit.VisionTransformer(**{**sizes, **options})


def grains(count: int, size: tuple[int, int] = (16, 24)) -> Tensor:
    coarse = torch.randn(count, 3, size[0] // 2, size[1] // 2, generator=torch.Generator().manual_seed(1))
    return 0.5 * nn.functional.interpolate(coarse, scale_factor=2, mode="bilinear")


MODELS = {
    "own": lambda: create_vit(**SMALL),
    "own, class token, registers": lambda: create_vit(**SMALL, pool="class", registers=2),
    "own, sin-cos, two heads a scale": lambda: create_vit(**{**SMALL, "heads": 6}, position="sincos"),
    "timm": small_timm,
    "timm, registers, QK-norm, no bias": lambda: small_timm(reg_tokens=2, qk_norm=True, qkv_bias=False),
}


@pytest.mark.parametrize("spec", ["life", "life:control=plain"])
def test_the_cost_of_vit_tiny(spec: str) -> None:
    plain, found = cost(create_vit(), (3, 32, 32)), cost(attached(spec, create_vit()), (3, 32, 32))
    # LIFE: 3C² + 3C becomes 3C² + C + 9C + 25C. The control: 27C and a bias for each of 3C channels.
    assert found.parameters - plain.parameters == 12 * 192 * {"life": 32, "life:control=plain": 30}[spec]
    assert found.parameters - plain.parameters == {"life": 73_728, "life:control=plain": 69_120}[spec]
    assert found.flops - plain.flops == 2 * 12 * 64 * 192 * {"life": 9 + 25, "life:control=plain": 27}[spec]


def test_head_i_of_deit_tiny_is_scale_i() -> None:
    """A scale whose pointwise map is nought leaves one head's queries, keys and values at nought, and no other's."""
    model = attached(model=create_vit(image_size=16, depth=1))
    qkv, x = model.blocks[0].attn.qkv, torch.randn(1, 16, 192)
    for scale in (1, 2):
        silent = copy.deepcopy(qkv)
        nn.init.zeros_(silent.pointwise[scale - 1].weight)
        per_head = silent(x).view(1, 16, 3, 3, 64).abs().amax((0, 1, 4))  # (q k v, heads)
        assert (per_head == 0).all(0).tolist() == [h >= scale for h in range(3)]
    first = qkv(x).view(1, 16, 3, 3, 64)[:, :, :, 0].flatten(2)
    torch.testing.assert_close(first, qkv.linear(x))


@pytest.mark.parametrize("name", MODELS)
def test_every_model_computes_and_the_view_sees_its_maps(name: str) -> None:
    """With weights as published neighbours count, and a view that took Q and K for linear maps would be wrong."""
    for spec in ("life", "life:cascade=False:norm=True", "life:control=plain"):
        model = attached(spec, MODELS[name]()).eval()
        generator = torch.Generator().manual_seed(2)
        with torch.no_grad():
            for p in model.parameters():
                p.add_(0.3 * torch.randn(p.shape, generator=generator))
        images = grains(3)
        assert model(images).shape == (3, 5)
        for ours, own in zip(attention_view(model).maps(images), captured_maps(model, images), strict=True):
            assert own.std() > 1e-3
            torch.testing.assert_close(ours, own, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("spec", ["life", "life:cascade=False", "life:control=plain"])
def test_an_impulse_start_afterwards_meets_its_sharpness(name: str, spec: str) -> None:
    for images in (None, grains(48)):
        if images is not None and spec == "life" and "sin-cos" in name:
            continue  # below
        model = attached(spec, MODELS[name]())
        generator = torch.Generator().manual_seed(0)
        report = headstart.init_(model, "impulse:sharpness=0.7", images=images, generator=generator)
        within = 0.12 if "QK-norm" in name else 0.03  # heads of a block share a gain there
        assert all(abs(h.target_mass - 0.7) < within for h in report.heads), str(report)
        assert abs(report.target_mass - 0.7) < 0.03
        assert report.heads[1].offset != report.heads[0].offset


def test_a_cascade_says_what_it_reached_where_it_cannot_meet_the_sharpness() -> None:
    """Discriminants read a fixed position in directions so quiet that anything carried along drowns it."""
    model = attached(position="sincos")
    with pytest.warns(UserWarning, match="4 of 6 heads are more than 0.03 below the sharpness asked for"):
        report = headstart.init_(model, "impulse:sharpness=0.7", images=grains(48))
    last = [h.target_mass for h in report.heads if h.head == 2]
    assert last == pytest.approx([0.7, 0.7], abs=0.03)


@pytest.mark.parametrize("scheme", ["mimetic", "mimetic-released", "conditioned", "norm-matched"])
def test_other_schemes_can_be_had(scheme: str) -> None:
    model = attached()
    headstart.init_(model, scheme, generator=torch.Generator().manual_seed(0))
    blocks = attention_view(model).blocks
    assert all(
        block.read(name).isfinite().all() and block.read(name).std() > 1e-3 for block in blocks for name in "qkv"
    )
    plain = create_vit(**SMALL)
    headstart.init_(plain, scheme, generator=torch.Generator().manual_seed(0))
    if scheme == "mimetic":  # the last scale is as asked, the others nearly
        for ours, theirs in zip(blocks, attention_view(plain).blocks, strict=True):
            torch.testing.assert_close(ours.read("q")[2], theirs.read("q")[2], atol=1e-5, rtol=1e-3)
            assert (ours.read("q") - theirs.read("q")).norm() < 0.1 * theirs.read("q").norm()


def test_default_keeps_the_published_start() -> None:
    model, same = attached(), attached()
    headstart.init_(model, "default")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), same.parameters(), strict=True))
    qkv = model.blocks[0].attn.qkv
    assert qkv.linear.weight.std().item() == pytest.approx(0.02, rel=0.1) and not qkv.linear.bias.any()
    for weight, bound in ((qkv.depthwise[0].weight, 1 / 3), (qkv.depthwise[1].weight, 1 / 5)):
        assert 0.9 * bound < weight.abs().max() <= bound
    assert 0.9 < qkv.pointwise[0].weight.abs().max() * 48**0.5 <= 1


def test_a_scheme_that_fails_leaves_the_model_as_it_was() -> None:
    model = attached("life:norm=True")
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(HeadstartError, match=r"its norm sets the size of queries and keys .* \(init default\)"):
        headstart.init_(model, "impulse")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert headstart.measure(model).target_mass > 0


def test_mixed_precision_computes() -> None:
    model = attached(pool="class")
    with torch.autocast("cpu", torch.float16):
        loss = nn.functional.cross_entropy(model(grains(4)), torch.arange(4))
    loss.backward()
    assert loss.isfinite() and all(p.grad.isfinite().all() for p in model.blocks.parameters())


@pytest.mark.parametrize("spec", ["life", "life:control=plain"])
def test_stacked_models_are_the_models_one_by_one(spec: str) -> None:
    models = [attached(spec, pool="class") for _ in range(3)]
    for seed, model in enumerate(models):
        headstart.init_(model, "impulse", generator=torch.Generator().manual_seed(seed))
    alone, images = copy.deepcopy(models), grains(12).unflatten(0, (3, 4))
    Stacked(models)(images).square().sum().backward()
    for one, model, batch in zip(alone, models, images, strict=True):
        one(batch).square().sum().backward()
        for a, b in zip(one.parameters(), model.parameters(), strict=True):
            torch.testing.assert_close(a.grad, b.grad, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("changes", [[], ["ema=0.9", "pool=class", "registers=2", "init=impulse"]])
def test_a_cut_run_ends_with_the_same_bits(
    tiny: Recipe, tmp_path: Path, cut_and_whole: Callable[[Recipe], list[str]], changes: list[str]
) -> None:
    recipe = tiny.override(["methods=life", *changes])
    cut, whole = cut_and_whole(recipe)
    assert cut == whole
    assert "blocks.1.attn.qkv.depthwise.1.weight" in load_file(tmp_path / "whole/model.safetensors")


def test_parts_give_the_result_of_the_whole_batch(
    tiny: Recipe, parts_and_whole: Callable[[Recipe], dict[str, float]]
) -> None:
    assert max(parts_and_whole(tiny.override(["methods=life"])).values()) < 1e-5


def test_many_runs_at_once(tiny: Recipe, tmp_path: Path) -> None:
    together, apart = (
        compare(tiny.override(["methods=life"]), ["default", "impulse"], [0], tmp_path / name, runner=runner)
        for name, runner in (("together", Together(2)), ("apart", None))
    )
    for one, other in zip(together["arms"], apart["arms"], strict=True):
        losses = [[row["train_loss"] for row in arm["runs"][0]["history"]] for arm in (one, other)]
        assert losses[0] == pytest.approx(losses[1], abs=1e-4)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("life:kernels=3", "kernels must be two or more odd numbers that begin with 1, the linear map, got 3; kern"),
        ("life:kernels=3/5", r"got \(3, 5\)"),
        ("life:kernels=1/4", r"got \(1, 4\)"),
        ("life:control=pain", "unknown control of life 'pain': did you mean 'plain'?"),
        ("life:kernels=1/3/3/3/3", "width 48 is not divisible by 5, the number of kernels, .* choose width 45, for ex"),
    ],
)
def test_options_that_do_not_suit_are_told(spec: str, message: str) -> None:
    with pytest.raises(HeadstartError, match=message):
        attached(spec)


def test_models_without_such_a_layer_are_refused() -> None:
    timm = pytest.importorskip("timm")
    small = {"embed_dim": 48, "depth": 2, "num_heads": 3}
    for model, found in (
        (attached(), "Attention.qkv = LocalQKV"),
        (timm.create_model("eva02_tiny_patch14_224", img_size=56, **small), r"EvaAttention.qkv = \w+"),
        (timm.create_model("beit_base_patch16_224", img_size=64, **small), r"Attention.qkv = \w+"),
        (
            timm.create_model("swin_tiny_patch4_window7_224", img_size=64, window_size=4),
            r"WindowAttention.qkv = Linear",
        ),
    ):
        with pytest.raises(
            HeadstartError, match=rf"life replaces attn.qkv, one linear layer .* blocks\[0\] has {found}"
        ):
            attached(model=model)


def test_attached_layers_are_of_the_models_type() -> None:
    model = attached(model=create_vit(**SMALL).double())
    assert isinstance(model.blocks[1].attn.qkv, LocalQKV) and model(grains(1).double()).dtype == torch.float64
    assert isinstance(attached("life:control=plain").blocks[1].attn.qkv, PlainQKV)
