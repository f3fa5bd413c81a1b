"""Adversarial noise: of a fixed size, and trained to raise the loss."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from headstart import create_vit
from headstart.attention import attention_view
from headstart.errors import HeadstartError
from headstart.methods import AdversarialNoise, resolve_methods
from headstart.methods.adversarial_noise import reversed_gradient
from headstart.methods.noise import normals
from headstart.training import Recipe


def attached(**options: Any) -> tuple[torch.nn.Module, AdversarialNoise]:
    torch.manual_seed(0)
    model = create_vit(image_size=(8, 16), width=24, depth=1, pool="class", registers=2)
    method = AdversarialNoise(**options)
    assert method.attach(model, attention_view(model)) is model
    return model, method


def test_a_reversed_gradient_keeps_every_bit() -> None:
    x = torch.randn(1000, requires_grad=True)
    assert torch.equal(reversed_gradient(x), x)
    (reversed_gradient(x) * torch.arange(1000.0)).sum().backward()
    assert x.grad is not None and torch.equal(x.grad, -torch.arange(1000.0))


def test_it_is_the_formula() -> None:
    _, method = attached(share=1.0, strength=0.7)
    images, draws = torch.randn(4, 3, 8, 16), torch.rand(4, 3)
    changed, price = method.augment(images, draws)
    z = normals(draws[:, 1:], 3, 8, 16)
    hidden = F.gelu(
        torch.einsum("oc,bchw->bohw", method.first.weight[:, :, 0, 0], z) + method.first.bias[:, None, None]
    )
    made = torch.einsum("co,bohw->bchw", method.second.weight[:, :, 0, 0], hidden) + method.second.bias[:, None, None]
    g = z + made
    expected = images + 0.7 * g / g.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
    assert price is None
    torch.testing.assert_close(changed, expected)


def test_the_generator_raises_the_loss_that_the_model_lowers() -> None:
    model, method = attached(share=1.0, strength=2.0, kernel=3)
    images, draws, targets = torch.randn(16, 3, 8, 16), torch.rand(16, 3), torch.arange(16) % 10

    def loss() -> torch.Tensor:
        return F.cross_entropy(model(method.augment(images, draws)[0]), targets)

    # Give the classifier something to lose.
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(20):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    before = loss().item()
    optimizer = torch.optim.Adam(method.parameters(), 1e-2)
    for _ in range(20):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    assert loss().item() > before + 0.01


def test_noise_differs_from_pixel_to_pixel_alone_unless_kernels_are_larger() -> None:
    for kernel, correlated in ((1, False), (3, True)):
        _, method = attached(kernel=kernel, share=1.0)
        with torch.no_grad():
            for layer in (method.first, method.second):
                layer.weight.fill_(0.3), layer.bias.zero_()
        draws = torch.rand(64, 3, generator=torch.Generator().manual_seed(0))
        noise, _ = method.augment(torch.zeros(64, 3, 8, 16), draws)
        noise = noise - noise.mean()
        assert ((noise[..., 1:] * noise[..., :-1]).mean() / noise.square().mean() > 0.2) == correlated


def test_half_precision_gives_nearly_the_same_noise() -> None:
    _, method = attached(share=1.0)
    images, draws = torch.zeros(4, 3, 8, 16), torch.rand(4, 3)
    whole, _ = method.augment(images, draws)
    with torch.autocast("cpu", torch.float16):
        half, _ = method.augment(images, draws)
    assert half.dtype == torch.float32 and (half - whole).abs().max() < 0.01


def test_a_cut_run_ends_with_the_same_bits(
    tiny: Recipe, tmp_path: Path, cut_and_whole: Callable[[Recipe], list[str]]
) -> None:
    cut, whole = cut_and_whole(tiny.override(["methods=adversarial-noise"]))
    assert cut == whole
    assert "optimizer.exp_avg.methods.0.first.weight" in load_file(tmp_path / "cut/checkpoint.safetensors")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("adversarial-noise:strength=-1", "adversarial-noise: strength must be a number above 0; got -1"),
        ("adversarial-noise:share=0", "adversarial-noise: share must be a number above 0, at most 1; got 0"),
        ("adversarial-noise:kernel=2", "adversarial-noise: kernel must be an odd number of pixels, got 2"),
        ("adversarial-noise:width=0", "adversarial-noise: width must be one channel or more, got 0"),
    ],
)
def test_options_out_of_range_are_told(spec: str, message: str) -> None:
    with pytest.raises(HeadstartError) as told:
        resolve_methods([spec])
    assert message in str(told.value)
