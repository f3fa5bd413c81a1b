"""What every library's adapter is held to, whatever the model: measured by the model's own forward pass."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import headstart
from headstart.attention import attention_view, shift_targets, target_mass
from headstart.attention.capture import captured_maps

ASKED = 0.8


def noise_for(view, count):
    """Images of noise with a grain of two pixels: white noise fills every direction of a patch, as no image does."""
    sides = [g * s for g, s in zip(view.grid, view.patch_embed.stride, strict=True)]
    coarse = torch.randn(count, 3, sides[0] // 2, sides[1] // 2, generator=torch.Generator().manual_seed(1))
    return 0.5 * F.interpolate(coarse, scale_factor=2, mode="bilinear")


def masses(view, maps, offsets):
    """Target mass of every head, block by block, in maps that the model itself computed."""
    for index, (block, attention) in enumerate(zip(view.blocks, maps, strict=False)):
        shown = block.visible().float()
        mean = attention.unflatten(0, (-1, len(shown))).mean(0)
        mean = (mean * shown[:, None]).sum(0) / shown.sum(0).clamp(min=1)
        targets = shift_targets(block.grid, torch.tensor([o for i, o in offsets if i == index]))
        yield target_mass(mean, targets, block.prefix)


@pytest.fixture
def check_maps():
    """Random weights, biases too: the view's maps are those of the model's own forward pass."""

    def check(model, see=attention_view):
        generator = torch.Generator().manual_seed(2)
        with torch.no_grad():
            for p in model.parameters():
                p.add_(0.3 * torch.randn(p.shape, generator=generator))
        view = see(model.eval())
        images = noise_for(view, 3)
        ours, own = view.maps(images), captured_maps(model, images)[: len(view.blocks)]
        assert len(ours) == len(own)
        for a, b in zip(ours, own, strict=True):
            assert b.std() > 1e-3  # attention is uneven, so that agreement says something
            torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)

    return check


@pytest.fixture
def check_start():
    """A start gives what was asked for on position alone and on images, and changes nothing but weights."""

    def check(model, see=attention_view):
        before = {name: value.shape for name, value in model.state_dict().items()}
        state = torch.get_rng_state()
        blank = copy.deepcopy(model)
        report = headstart.init_(see(blank), headstart.Impulse(sharpness=ASKED))
        assert all(abs(h.target_mass - ASKED) < 0.02 for h in report.heads)
        view = see(blank)
        nn.init.zeros_(view.patch_embed.weight)
        if view.patch_embed.bias is not None:
            nn.init.zeros_(view.patch_embed.bias)
        first = captured_maps(blank, noise_for(view, 1))[:1]
        offsets = [(h.block, h.offset) for h in report.heads]
        (mass,) = masses(view, first, offsets)
        assert (mass - ASKED).abs().max() < 0.02

        view = see(model)
        images = noise_for(view, 32)
        report = headstart.init_(view, headstart.Impulse(sharpness=ASKED), images=images)
        own = captured_maps(model, images)
        offsets = [(h.block, h.offset) for h in report.heads]
        for mass in masses(view, own, offsets):
            assert (mass - ASKED).abs().max() < 0.03
        for a, b in zip(see(model).maps(images[:2]), captured_maps(model, images[:2]), strict=False):
            torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)
        rows = own[0][:, :, : view.prefix, view.prefix :]
        rows = rows / rows.sum(-1, keepdim=True)
        assert (torch.special.entr(rows).sum(-1) > 0.9 * math.log(view.patches)).all()

        assert {name: value.shape for name, value in model.state_dict().items()} == before
        assert torch.equal(torch.get_rng_state(), state)

    return check
