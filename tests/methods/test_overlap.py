from typing import Any

import pytest
import torch
import torch.nn.functional as F

import headstart
from headstart.attention import attention_view
from headstart.errors import HeadstartError
from headstart.evaluation import cost
from headstart.methods import Overlap, resolve_methods
from headstart.models.vit import create_vit


def attached(spec: str, **options: Any) -> Any:
    torch.manual_seed(0)
    model = create_vit(**{"width": 24, "depth": 1, "heads": 3, **options})
    return resolve_methods([spec])[0].attach(model, attention_view(model))


def test_sums_by_hand() -> None:
    """A patch of 2 and a kernel of ones, 3×3: token (0, 0) is 0 + 1 + 4 + 5, token (1, 1) all from 5 to 15."""
    model = attached("overlap", image_size=4, patch_size=2, in_channels=1)
    proj = model.patch_embed.proj
    assert (proj.kernel_size, proj.stride, proj.padding) == ((3, 3), (2, 2), (1, 1))
    torch.nn.init.ones_(proj.weight)
    torch.nn.init.zeros_(proj.bias)
    tokens = model.patch_embed(torch.arange(16.0).view(1, 1, 4, 4))
    assert tokens[0, :, 0].tolist() == [10, 24, 51, 90]


@pytest.mark.parametrize(
    ("spec", "patch", "kernel", "before"),
    [
        ("overlap", 4, (7, 7), (3, 3)),
        ("overlap", 16, (31, 31), (15, 15)),
        ("overlap", (4, 2), (7, 3), (3, 1)),
        ("overlap:kernel=5", 4, (5, 5), (1, 1)),
        ("overlap:kernel=6", 4, (6, 6), (2, 2)),
        ("overlap:kernel=8", 4, (8, 8), (3, 3)),
        ("overlap:kernel=9", 4, (9, 9), (4, 4)),
        ("overlap:kernel=6/11", (4, 8), (6, 11), (2, 3)),
        ("overlap:kernel=3", 1, (3, 3), (1, 1)),
    ],
)
def test_each_token_sees_its_patch_and_what_lies_around_it(
    spec: str, patch: Any, kernel: tuple[int, int], before: tuple[int, int]
) -> None:
    size = (16, 32) if patch != 1 else (4, 8)
    model = attached(spec, image_size=size, patch_size=patch)
    proj, (height, width) = model.patch_embed.proj, (patch, patch) if isinstance(patch, int) else patch
    assert (proj.kernel_size, proj.padding) == (kernel, before)
    images = torch.randn(2, 3, *size)
    tokens = model.patch_embed(images).unflatten(1, model.patch_embed.grid_size)
    padded = F.pad(images, (before[1], kernel[1], before[0], kernel[0]))
    for i, j in ((0, 0), (0, 1), (size[0] // height - 1, size[1] // width - 1)):
        seen = padded[:, :, i * height :, j * width :][:, :, : kernel[0], : kernel[1]]
        torch.testing.assert_close(tokens[:, i, j], seen.flatten(1) @ proj.weight.flatten(1).T + proj.bias)


def test_gradients_are_those_of_finite_differences() -> None:
    proj = attached("overlap", image_size=4, patch_size=2).patch_embed.double()
    assert torch.autograd.gradcheck(proj, torch.randn(2, 3, 4, 4, dtype=torch.float64, requires_grad=True))


@pytest.mark.parametrize("kernel", [5, 6, 7, 11])
def test_a_start_on_the_patch_is_the_model_without(kernel: int) -> None:
    images = torch.randn(2, 3, 16, 24)
    torch.manual_seed(0)
    plain = create_vit(width=24, depth=1, heads=3, image_size=(16, 24))
    model = attached(f"overlap:kernel={kernel}:start=patch", image_size=(16, 24))
    torch.testing.assert_close(model(images), plain(images))
    torch.manual_seed(0)
    assert (attached("overlap", image_size=(16, 24))(images) - plain(images)).abs().max() > 1e-3


def test_the_control_gives_each_token_another_ones_surroundings() -> None:
    model = attached("overlap:control=shuffled", image_size=(16, 24))
    proj = model.patch_embed.proj
    plain = torch.nn.Conv2d(3, 24, 7, stride=4, padding=3)
    plain.load_state_dict({name: value for name, value in proj.state_dict().items() if name != "order"})
    image = torch.randn(1, 3, 16, 24)
    own = F.conv2d(image, proj.weight[:, :, 3:, 3:], proj.bias, stride=4).flatten(2)
    around = plain(image).flatten(2) - own
    torch.testing.assert_close(model.patch_embed(image)[0].T, (own + around[:, :, proj.order])[0])
    assert proj.order.tolist() != list(range(24)) and sorted(proj.order.tolist()) == list(range(24))
    parameters = [sum(p.numel() for p in layer.parameters()) for layer in (proj, plain)]
    assert parameters[0] == parameters[1]


def test_the_cost_of_vit_tiny() -> None:
    plain = cost(create_vit(), (3, 32, 32))
    found = cost(attached("overlap", width=192, depth=12), (3, 32, 32))
    more = 3 * 192 * (7**2 - 4**2)
    assert (found.parameters - plain.parameters, found.flops - plain.flops) == (more, 2 * 64 * more)


def test_whitening_makes_the_larger_patches_white() -> None:
    model = attached("overlap", image_size=24, patch_size=2, in_channels=1)
    noise = torch.randn(64, 1, 26, 26, generator=torch.Generator().manual_seed(0))
    images = F.avg_pool2d(noise, 3, stride=1)  # neighbours alike
    headstart.init_(model, "default:whiten=True", images=images, generator=torch.Generator().manual_seed(0))
    inside = model.patch_embed(images).unflatten(1, (12, 12))[:, 1:, 1:].flatten(0, 2).detach()
    whole = inside[:, ::2][:, :5]  # rows come in pairs of both signs, strongest direction first
    torch.testing.assert_close(inside[:, 0], -inside[:, 1])
    torch.testing.assert_close(whole.T.cov(), torch.eye(5), atol=0.1, rtol=0.1)


@pytest.mark.parametrize(
    ("spec", "patch", "message"),
    [
        ("overlap:kernel=4", 4, "a kernel of 4 does not reach beyond a patch of 4; use kernel=7 or another above 4"),
        ("overlap", 1, "a kernel of 1 does not reach beyond a patch of 1; use kernel=3 or another above 1"),
        ("overlap:kernel=4", 1, "with a patch of 1 the kernel must be odd, got 4; use 5"),
        ("overlap:kernel=wide", 4, "kernel must be a number of pixels, or height/width, got 'wide'"),
        ("overlap:kernel=7/7/7", 4, "kernel must be a number of pixels, or height/width"),
        ("overlap:control=permuted", 4, "unknown control of method 'overlap' 'permuted': Known: none, shuffled"),
        ("overlap:start=delta", 4, "unknown start of method 'overlap' 'delta': Known: patch, usual"),
    ],
)
def test_bad_options_are_told(spec: str, patch: int, message: str) -> None:
    with pytest.raises(HeadstartError) as told:
        attached(spec, patch_size=patch, image_size=8)
    assert message in str(told.value)


def test_it_is_known_by_its_name() -> None:
    assert isinstance(resolve_methods(["overlap"])[0], Overlap)
