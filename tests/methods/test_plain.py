"""What the methods of surgery share: which models they take, and that runs and starts go on as without them."""

import copy
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import headstart
from headstart.attention import attention_view
from headstart.errors import HeadstartError
from headstart.methods import resolve_methods
from headstart.models.vit import create_vit
from headstart.training import Recipe, load_run, train
from headstart.training.stacked import Stacked

MODULES = ["overlap", "convstem", "convffn"]


def attach(model: nn.Module, *specs: str) -> Any:
    for method in resolve_methods(specs):
        model = method.attach(model, attention_view(model))
    return model


def small(*specs: str, seed: int = 0, **options: Any) -> Any:
    torch.manual_seed(seed)
    sizes = {"image_size": (12, 16), "patch_size": 4, "width": 24, "depth": 2, "heads": 2, "num_classes": 5}
    return attach(create_vit(**{**sizes, **options}), *specs)


def natural(count: int, height: int, width: int) -> Tensor:
    """Images whose neighbouring pixels are alike, as in photos: amplitude 1 / frequency."""
    noise = torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(count))
    y, x = torch.fft.fftfreq(height)[:, None], torch.fft.fftfreq(width)
    images = torch.fft.ifft2(torch.fft.fft2(noise) / ((y**2 + x**2).sqrt() + 1 / 32)).real
    return (images - images.mean()) / images.std()


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("pool", ["mean", "class"])
def test_tokens_stay_as_many_and_every_weight_gets_a_gradient(name: str, pool: str) -> None:
    model = small(name, pool=pool, registers=2)
    images = torch.randn(3, 3, 12, 16)
    assert model.forward_features(images).shape == (3, 3 * 4 + 2 + (pool == "class"), 24)
    model(images).square().sum().backward()
    idle = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    # The class token is read alone, and goes by the last block's convolution.
    assert idle == (
        ["blocks.1.mlp.conv.weight", "blocks.1.mlp.conv.bias"] if (name, pool) == ("convffn", "class") else []
    )


@pytest.mark.parametrize("name", MODULES)
def test_timm_models_are_taken_too(name: str) -> None:
    timm = pytest.importorskip("timm.models.vision_transformer")
    options: dict[str, Any] = {"img_size": (12, 16), "patch_size": 4, "embed_dim": 24, "depth": 2, "num_heads": 2}
    model = timm.VisionTransformer(**options, num_classes=5, reg_tokens=2, proj_drop_rate=0.1)
    ours = small(name, pool="class", registers=2)
    images = torch.randn(2, 3, 12, 16)
    attach(model, name).eval()
    ours.load_state_dict(model.state_dict())  # the names are the same
    torch.testing.assert_close(model(images), ours(images))
    report = headstart.init_(model, "impulse", generator=torch.Generator().manual_seed(0))
    assert all(abs(head.target_mass - report.asked[head.block]) < 0.03 for head in report.heads)


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("position", ["learned", "sincos", "harmonic"])
def test_heads_reach_their_sharpness_on_positions_and_on_images(name: str, position: str) -> None:
    sizes = {"image_size": (32, 24), "width": 96, "heads": 3, "pool": "class", "position": position}
    seen, others = natural(128, 32, 24), natural(24, 32, 24)
    for images in (None, seen):
        model = small(name, **sizes)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # three heads do not cover the window
            report = headstart.init_(model, "impulse", images=images, generator=torch.Generator().manual_seed(0))
        assert all(abs(head.target_mass - report.asked[head.block]) < 0.03 for head in report.heads)
    assert all(abs(head.target_mass - 0.5) < 0.03 for head in headstart.measure(model, others).heads)


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("scheme", ["mimetic", "impulse:mlp_mean=0.1:value=balanced"])
def test_other_starts_work(name: str, scheme: str) -> None:
    model, same = small(name), small(name)
    headstart.init_(model, scheme, generator=torch.Generator().manual_seed(0))
    shift = 0.1 if "mlp_mean" in scheme else 0.0
    for block, other in zip(model.blocks, same.blocks, strict=True):
        assert not torch.equal(block.attn.qkv.weight, other.attn.qkv.weight)
        torch.testing.assert_close(block.mlp.fc1.weight, other.mlp.fc1.weight + shift)
    assert model(torch.randn(2, 3, 12, 16)).isfinite().all()


@pytest.mark.parametrize("name", [*MODULES, "overlap:control=shuffled", "convffn:control=shuffled"])
@pytest.mark.parametrize("half", [False, True], ids=["float32", "float16"])
def test_many_runs_at_once_are_those_one_by_one(name: str, half: bool) -> None:
    models = [small(name, seed=seed, pool="class", registers=1) for seed in range(3)]
    for seed, model in enumerate(models):
        noise = torch.Generator().manual_seed(seed)
        for parameter in model.parameters():
            parameter.data += 0.2 * torch.randn(parameter.shape, generator=noise)
    apart = copy.deepcopy(models)
    images = torch.randn(3, 4, 3, 12, 16)
    stacked = Stacked(models)
    with torch.autocast("cpu", torch.float16, enabled=half):
        found, expected = stacked(images), torch.stack([m(x) for m, x in zip(apart, images, strict=True)])
    assert found.dtype == expected.dtype
    tolerance = 0.02 if half else 1e-5
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
    for logits in (found, expected):
        logits.float().square().mean().backward()
    for model, other in zip(models, apart, strict=True):
        for (place, ours), theirs in zip(model.named_parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(ours.grad, theirs.grad, rtol=tolerance, atol=tolerance, msg=place)


@pytest.mark.parametrize("methods", ["overlap,convffn", "convstem", "convstem:norm=batch"])
def test_a_cut_and_averaged_run_ends_with_the_same_bits(
    tiny: Recipe, tmp_path: Path, cut_and_whole: Callable[[Recipe], list[str]], methods: str
) -> None:
    recipe = tiny.override([f"methods={methods}", "ema=0.9", "init=impulse"])
    cut, whole = cut_and_whole(recipe)
    assert cut == whole
    stored = load_file(tmp_path / "whole/model.safetensors")
    assert all(torch.equal(stored[n], t) for n, t in load_run(tmp_path / "whole").model.state_dict().items())
    costs = json.loads((tmp_path / "whole/result.json").read_text())["costs"]
    assert [line.partition(":")[0] for line in costs] == [text.partition(":")[0] for text in methods.split(",")]


def test_parts_give_the_result_of_the_whole_batch(tiny: Recipe, tmp_path: Path) -> None:
    for methods in ("overlap,convffn", "convstem"):
        for parts in (1, 4):
            recipe = tiny.override([f"methods={methods}", f"accumulate={parts}", "passes=2"])
            train(recipe, tmp_path / f"{methods}-{parts}")
        one, four = (load_file(tmp_path / f"{methods}-{parts}" / "model.safetensors") for parts in (1, 4))
        assert max((one[name] - four[name]).abs().max().item() for name in one) < 1e-5


@pytest.mark.parametrize("name", MODULES)
def test_other_models_are_told(name: str) -> None:
    timm = pytest.importorskip("timm")
    swin = timm.create_model("swin_tiny_patch4_window7_224", depths=(1, 1), num_heads=(1, 2), embed_dim=16)
    with pytest.raises(
        HeadstartError, match=f"{name!r} works on the library's own ViT and on timm's VisionTransformer"
    ):
        attach(swin, name)
    hybrid = timm.create_model("vit_tiny_r_s16_p8_224", depth=1)
    gated = timm.create_model("vit_tiny_patch16_224", depth=1, mlp_layer=timm.layers.GluMlp)
    if name == "convffn":
        with pytest.raises(
            HeadstartError, match=r"two linear layers \(fc1, fc2\), and block 0 has a GluMlp; build the"
        ):
            attach(gated, name)
    else:
        with pytest.raises(HeadstartError, match="plain patch embedding, and this model has a HybridEmbed; build it"):
            attach(hybrid, name)


def test_only_one_may_replace_the_patch_projection() -> None:
    for specs in (("overlap", "convstem"), ("convstem", "overlap")):
        with pytest.raises(
            HeadstartError, match=r"finds a .* that is none; only one of overlap and convstem goes into a model"
        ):
            small(*specs)
