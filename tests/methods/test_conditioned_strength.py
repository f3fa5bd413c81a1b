"""Noise of an image's own: by the formula, held by its price, and strongest where the model minds most."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from headstart import create_vit
from headstart.attention import attention_view
from headstart.errors import HeadstartError
from headstart.methods import ConditionedStrength, resolve_methods
from headstart.methods.noise import normals
from headstart.training import Recipe


def attached(trained: bool = False, **options: Any) -> ConditionedStrength:
    torch.manual_seed(0)
    model = create_vit(image_size=(8, 16), width=24, depth=1, pool="class", registers=2)
    method = ConditionedStrength(**options)
    assert method.attach(model, attention_view(model)) is model
    if trained:
        torch.nn.init.normal_(method.reader.head.weight)
    return method


def test_it_is_the_formula() -> None:
    method = attached(trained=True, share=0.5, price=0.3)
    images, draws = torch.randn(6, 3, 8, 16), torch.rand(6, 3)
    draws[:, 0] = torch.tensor([0.1, 0.9, 0.3, 0.49, 0.5, 0.2])
    changed, price = method.augment(images, draws)
    z, said = normals(draws[:, 1:], 3, 8, 16), method.reader(images)
    expected, prices = images.clone(), torch.zeros(6)
    for i in (0, 2, 3, 5):
        # One kernel for the image, mixed from the experts': what makes the convolution conditional.
        kernel = torch.einsum("k,koihw->oihw", said[i, :4].softmax(0), method.experts)
        n = F.conv2d(z[i : i + 1], kernel, padding=1)[0]
        times = 2 * torch.sigmoid(said[i, 4])
        expected[i] += 0.4 * times * n / n.square().mean().sqrt()
        prices[i] = 0.3 * (times - 1) ** 2
    torch.testing.assert_close(changed, expected)
    assert price is not None and price.item() == pytest.approx(prices.mean().item())


def test_at_first_all_images_are_treated_alike() -> None:
    method, images, draws = attached(share=1.0), torch.randn(6, 3, 8, 16), torch.rand(6, 3)
    changed, price = method.augment(images, draws)
    assert price is not None and price.item() == 0
    torch.testing.assert_close((changed - images).square().mean(dim=(1, 2, 3)).sqrt(), torch.full((6,), 0.4))


def trained_strengths(method: ConditionedStrength, price: float) -> tuple[Tensor, Tensor]:
    """Times the free strength for bright images, of whose noise the loss is made, and for dark ones."""
    method.price = price
    bright = (torch.arange(32) % 2).float()
    images = (2 * bright - 1).view(-1, 1, 1, 1) + 0.1 * torch.randn(32, 3, 8, 16)
    optimizer = torch.optim.Adam(method.parameters(), 1e-2)
    for _ in range(150):
        changed, paid = method.augment(images, torch.rand(32, 3))
        harm = bright * (changed - images).square().mean(dim=(1, 2, 3))
        optimizer.zero_grad()
        (harm.mean() + paid).backward()
        optimizer.step()
    times = method.conditions(images)[1].detach()
    return times[bright == 1], times[bright == 0]


def test_strength_goes_where_it_harms_and_the_price_holds_it() -> None:
    minding, others = trained_strengths(attached(share=1.0), price=0.5)
    assert minding.mean() > 1.2 and others.mean() == pytest.approx(1, abs=0.1)
    # harm 0.16·t², price p·(t − 1)²: t = p / (p − 0.16).
    assert minding.mean() == pytest.approx(0.5 / 0.34, abs=0.1)
    assert trained_strengths(attached(share=1.0), price=0.01)[0].min() > 1.8  # nearly free: to the limit


def test_a_blind_reader_treats_all_images_alike() -> None:
    minding, others = trained_strengths(attached(share=1.0, control="blind"), price=0.5)
    assert torch.allclose(minding, others.mean().expand_as(minding)) and minding.mean() > 1.05


def test_half_precision_gives_nearly_the_same_noise() -> None:
    method = attached(trained=True, share=1.0)
    images, draws = torch.randn(4, 3, 8, 16), torch.rand(4, 3)
    whole, _ = method.augment(images, draws)
    with torch.autocast("cpu", torch.float16):
        half, price = method.augment(images, draws)
    assert half.dtype == torch.float32 and (half - whole).abs().max() < 0.02
    assert price is not None and price.dtype == torch.float32


@pytest.mark.parametrize("changes", [[], ["ema=0.9", "pool=class", "registers=2"]], ids=["plain", "averaged"])
def test_a_cut_run_ends_with_the_same_bits(
    tiny: Recipe, tmp_path: Path, cut_and_whole: Callable[[Recipe], list[str]], changes: list[str]
) -> None:
    cut, whole = cut_and_whole(tiny.override(["methods=conditioned-strength", *changes]))
    assert cut == whole
    stored = load_file(tmp_path / "cut/checkpoint.safetensors")
    assert stored["methods.0.reader.head.weight"].abs().max() > 0  # it has learned
    assert "optimizer.exp_avg.methods.0.experts" in stored
    assert not [name for name in load_file(tmp_path / "cut/model.safetensors") if "reader" in name]


def test_parts_give_the_result_of_the_whole_batch(
    tiny: Recipe, parts_and_whole: Callable[[Recipe], dict[str, float]]
) -> None:
    assert max(parts_and_whole(tiny.override(["methods=conditioned-strength", "mixup=0.8"])).values()) < 1e-5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("strength=0", "strength must be a number above 0; got 0"),
        ("share=1.5", "share must be a number above 0, at most 1; got 1.5"),
        ("price=-1", "price must be a number from 0 on; got -1"),
        ("experts=0", "experts must be one or more, got 0"),
        ("width=0", "width must be one or more, got 0"),
        ("kernel=4", "kernel must be an odd number of pixels, got 4"),
        ("control=blnd", "unknown control of conditioned-strength 'blnd': did you mean 'blind'?"),
    ],
)
def test_options_out_of_range_are_told(options: str, message: str) -> None:
    with pytest.raises(HeadstartError) as told:
        resolve_methods([f"conditioned-strength:{options}"])
    assert message in str(told.value)
