"""Noise from two draws: its distribution, that images are independent, and exact sizes."""

import math

import pytest
import torch
from torch import nn

from headstart import create_vit
from headstart.attention import attention_view
from headstart.errors import HeadstartError, UnsupportedModel
from headstart.methods.noise import channels_of, check_number, normals, of_strength, some, uniforms

WORD = 0xFFFFFFFF


def mixed(word: int) -> int:
    word ^= word >> 16
    word = word * 0x7FEB352D & WORD
    word ^= word >> 15
    word = word * 0x846CA68B & WORD
    return word ^ word >> 16


def test_numbers_are_the_hash_of_both_draws_and_their_place() -> None:
    draws = torch.tensor([[0.25, 0.5], [0.0, 1 - 2.0**-24]])
    got = uniforms(draws, 5)
    for row, (first, second) in zip(got.tolist(), draws.tolist(), strict=True):
        a, b = mixed(int(first * 2**24)), mixed(int(second * 2**24) ^ 0x9E3779B9)
        words = [mixed((mixed(place ^ a) + b) & WORD) for place in range(5)]
        assert row == [((word >> 9) + 0.5) / 2**23 for word in words]


def test_they_are_normal_and_independent_from_pixel_to_pixel_and_image_to_image() -> None:
    # Neighbouring draws, of one or the other, must not give shifted or similar noise.
    near = torch.arange(8) * 2.0**-24
    draws = torch.cat([torch.stack([near, torch.zeros(8)], 1), torch.stack([torch.zeros(8), near + 2.0**-20], 1)])
    noise = normals(draws, 3, 48, 48)
    count = noise.numel()
    assert noise.shape == (16, 3, 48, 48) and noise.isfinite().all()
    assert abs(noise.mean()) < 5 / math.sqrt(count) and abs(noise.var() - 1) < 5 * math.sqrt(2 / count)
    assert abs(noise.pow(4).mean() - 3) < 5 * math.sqrt(96 / count)
    flat = noise.flatten(1)
    assert torch.corrcoef(flat).fill_diagonal_(0).abs().max() < 5 / math.sqrt(3 * 48 * 48)
    for shifted in (flat.roll(1, 1), noise.roll(1, 2).flatten(1), noise.roll(1, 1).flatten(1)):
        assert abs((flat * shifted).mean()) < 5 / math.sqrt(count)
    assert torch.equal(normals(draws[3:4], 3, 48, 48)[0], noise[3])  # whatever the batch
    assert uniforms(torch.rand(4, 2), 10**5).aminmax().min > 0 and uniforms(torch.rand(4, 2), 10**5).max() < 1


def test_sizes_are_exact() -> None:
    noise = normals(torch.rand(4, 2), 1, 5, 7)
    size = of_strength(noise, 0.4).square().mean(dim=(1, 2, 3)).sqrt()
    torch.testing.assert_close(size, torch.full((4,), 0.4))
    wanted = torch.tensor([0.0, 0.1, 1.0, 2.0])
    torch.testing.assert_close(of_strength(noise, wanted).square().mean(dim=(1, 2, 3)).sqrt(), wanted)
    assert of_strength(torch.zeros(1, 1, 2, 2), 1.0).abs().max() == 0


def test_some_images_are_changed() -> None:
    images = torch.zeros(3, 1, 2, 2)
    assert some(images, images + 1, torch.tensor([0.2, 0.5, 0.7]), 0.5)[:, 0, 0, 0].tolist() == [1, 0, 0]


def test_channels_are_read_from_the_model() -> None:
    model = create_vit(width=24, depth=1, in_channels=2)
    view = attention_view(model)
    assert channels_of(model, view) == 2
    view.patch_embed = None
    assert channels_of(model, view) == 2
    with pytest.raises(UnsupportedModel, match=r"Linear: no nn\.Conv2d tells how many channels its images have"):
        channels_of(nn.Linear(2, 2), view)


def test_numbers_out_of_range_are_told() -> None:
    check_number("toy", "share", 1.0, 1.0, above=True)
    check_number("toy", "price", 0.0)
    for value in (0.0, 1.1, math.nan):
        with pytest.raises(HeadstartError, match=f"toy: share must be a number above 0, at most 1; got {value}"):
            check_number("toy", "share", value, 1.0, above=True)
    for value in (-1.0, math.inf):
        with pytest.raises(HeadstartError, match=f"toy: price must be a number from 0 on; got {value}"):
            check_number("toy", "price", value)
