"""Two groups of strangers that a toy can tell apart, and the toy."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from headstart.evaluation.verification import Contender, People


def group(names: str, seed: int, each: int = 6) -> People:
    """Images of one grey per identity, with a little noise: uint8 (n, 1, 4, 4)."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(len(names)).repeat(each)
    level = 40 + 60 * labels.view(-1, 1, 1, 1)
    noise = torch.randint(0, 8, (len(labels), 1, 4, 4), generator=generator)
    return People((level + noise).to(torch.uint8), labels, tuple(names))


@pytest.fixture
def development() -> People:
    return group("abc", 0)


@pytest.fixture
def strangers() -> People:
    return group("def", 1)


@pytest.fixture
def toy() -> Contender:
    """A first layer that sees how bright an image is, and a second one that sees nothing of it."""
    bright, blind = nn.Conv2d(1, 2, 1), nn.Conv2d(2, 2, 1)
    with torch.no_grad():
        bright.weight.copy_(torch.tensor([[[[1.0]]], [[[0.0]]]]))
        bright.bias.copy_(torch.tensor([0.0, 0.5]))
        blind.weight.zero_()
        blind.bias.copy_(torch.tensor([1.0, 2.0]))
    return Contender("toy", nn.Sequential(bright, blind), lambda images: images / 255)
