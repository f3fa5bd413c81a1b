import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from headstart.attention import attention_view
from headstart.errors import HeadstartError, UnsupportedModel
from headstart.evaluation import cost
from headstart.models import ConvMixer, create_convmixer, filter_ranks
from headstart.training import Recipe, train

SMALL: dict[str, Any] = {"width": 12, "depth": 2, "kernel": 3, "num_classes": 5, "image_size": (8, 12)}


def made(seed: int = 0, **options: Any) -> ConvMixer:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return create_convmixer(**{**SMALL, **options})


@pytest.mark.parametrize("kernel", [3, 5, 8])
def test_weights_go_to_timm_and_back(kernel: int) -> None:
    timm = pytest.importorskip("timm.models.convmixer")
    theirs = timm.ConvMixer(dim=12, depth=2, kernel_size=kernel, patch_size=2, num_classes=5).eval()
    ours = made(kernel=kernel).eval()
    images = torch.randn(2, 3, 8, 12)
    theirs.load_state_dict(ours.state_dict())
    torch.testing.assert_close(ours(images), theirs(images))
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, std=0.2)
    ours.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(ours(images), theirs(images))
    torch.testing.assert_close(ours.forward_features(images), theirs.forward_features(images).flatten(2).mT)
    assert filter_ranks(theirs) == filter_ranks(ours)


def test_parameters_counted_by_hand() -> None:
    # stem 3·4·256 + 256 + 2·256; a block 25·256 + 256 + 256² + 256 + 4·256; head 2570
    parameters = cost(create_convmixer(), (3, 32, 32)).parameters
    assert parameters == 3_840 + 8 * 73_472 + 2_570 == 594_186


def test_an_even_kernel_looks_one_further_down_and_right() -> None:
    layer = made(kernel=4).spatial[0]
    x = torch.randn(1, 12, 6, 7)
    layer.weight.data.zero_()
    layer.weight.data[:, 0, 3, 0] = 1.0  # the last row, the first column: (dy, dx) = (2, −1)
    layer.bias.data.zero_()
    shifted = layer(x)
    torch.testing.assert_close(shifted[:, :, :4, 1:], x[:, :, 2:, :-1])
    assert shifted.shape == x.shape and not shifted[:, :, 4:].any() and not shifted[..., 0].any()


def test_all_but_the_filters_are_the_same_at_one_seed() -> None:
    models = {kind: made(filters=kind).state_dict() for kind in ("learned", "random", "impulse", "box", "gaussian")}
    for kind, state in models.items():
        for name, weight in state.items():
            same = torch.equal(weight, models["learned"][name])
            assert same == (not name.endswith("fn.0.weight") or kind in ("learned", "random"))
    other, again = made(1, filters="impulse").state_dict(), made(filters="impulse").state_dict()
    name = "blocks.0.0.fn.0.weight"
    assert torch.equal(models["impulse"][name], again[name]) and not torch.equal(again[name], other[name])
    assert not torch.equal(again[name], again["blocks.1.0.fn.0.weight"])


@pytest.mark.parametrize(
    ("options", "trained"),
    [
        ({}, True),
        ({"filters": "random"}, False),
        ({"filters": "impulse"}, False),
        ({"filters": "impulse", "frozen": False}, True),
        ({"filters": "box", "taps": 4}, False),
        ({"filters": "gaussian", "variance": 0.5}, False),
    ],
)
def test_which_filters_are_trained(options: dict[str, Any], trained: bool) -> None:
    model = made(**options)
    before = copy.deepcopy(model.state_dict())
    with torch.autocast("cpu", torch.float16):
        loss = nn.functional.cross_entropy(model(torch.randn(4, 3, 8, 12)).float(), torch.arange(4))
    loss.backward()
    torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1).step()
    changed = {name for name, weight in model.state_dict().items() if not torch.equal(weight, before[name])}
    spatial = {f"blocks.{block}.0.fn.0.{kind}" for block in range(2) for kind in ("weight", "bias")}
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.requires_grad and p.grad is not None)
    assert changed & spatial == (spatial if trained else set())
    assert changed > {"head.weight", "stem.0.weight", "blocks.1.1.weight"}


def test_without_the_activation_a_block_is_linear_up_to_its_gelu() -> None:
    model = made(spatial_activation=False).eval()
    fn = model.blocks[0][0].fn
    x, y = torch.randn(2, 1, 12, 4, 6)
    nothing = fn(torch.zeros_like(x))
    torch.testing.assert_close(fn(x + y) - nothing, fn(x) + fn(y) - 2 * nothing)
    assert list(model.state_dict()) == list(made().state_dict())


def test_grey_oblong_and_other_images() -> None:
    model = made(in_channels=1, patch_size=(2, 3)).eval()
    assert model.forward_features(torch.zeros(2, 1, 8, 12)).shape == (2, 16, 12)
    images = torch.randn(2, 1, 4, 9)
    torch.testing.assert_close(model.forward_head(model.forward_features(images)), model(images))


def test_it_has_no_heads() -> None:
    with pytest.raises(UnsupportedModel, match="ConvMixer"):
        attention_view(made())


def test_a_recipe_trains_it_and_frozen_filters_come_out_as_they_went_in(tmp_path: Path, cut_and_whole: Any) -> None:
    from headstart.training.build import build_dataset, build_model

    model = "convmixer:width=8:depth=1:kernel=3:patch_size=2:filters=impulse"
    recipe = Recipe(dataset="digits", limit=200, model=model, init="default", passes=2, batch_size=32, ema=0.9)
    cut, whole = cut_and_whole(recipe)
    assert cut == whole
    from safetensors.torch import load_file

    trained = load_file(tmp_path / "whole/model.safetensors")
    start = build_model(recipe, build_dataset(recipe)).state_dict()
    assert torch.equal(trained["blocks.0.0.fn.0.weight"], start["blocks.0.0.fn.0.weight"])
    assert not torch.equal(trained["blocks.0.1.weight"], start["blocks.0.1.weight"])
    with pytest.raises(HeadstartError, match=r"--init impulse sets attention heads, .*ConvMixer.*Use --init default"):
        train(recipe.model_copy(update={"init": "impulse"}), tmp_path / "heads")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filters": "impuls"}, "unknown filters 'impuls': did you mean 'impulse'"),
        ({"frozen": True}, "filters=learned are trained; .* use filters=random"),
        ({"kernel": 0}, "convmixer: kernel must be a whole number, at least 1; got 0"),
        ({"width": "wide"}, "convmixer: width must be a whole number, at least 1; got 'wide'"),
        ({"patch_size": (2, 0)}, r"convmixer: patch_size must be pixels, .* at least 1; got \(2, 0\)"),
        ({"num_classes": -1}, "convmixer: num_classes must be a whole number, at least 0; got -1"),
        ({"patch_size": 5}, r"images of 8×12 are not a whole number of patches of 5×5; choose a patch_size"),
        ({"taps": 3}, "taps is for filters=box, from 1 to kernel² = 9; got taps=3 with filters=learned"),
    ],
)
def test_bad_options_are_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(HeadstartError, match=message):
        made(**options)


@pytest.mark.parametrize("shape", [(2, 1, 8, 12), (2, 3, 7, 12), (3, 8, 12)])
def test_bad_images_are_told(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        HeadstartError, match=r"expected images of shape \(B, 3, height, width\), .*patches of 2×2, got"
    ):
        made()(torch.zeros(shape))
