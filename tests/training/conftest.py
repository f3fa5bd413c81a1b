"""Runs that take a second, methods that are toys, and what jobs need to find the library."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from headstart.attention import AttentionView
from headstart.methods import METHODS, Method, Step, register
from headstart.training import Recipe


@pytest.fixture
def tiny() -> Recipe:
    """200 digits, 16 tokens, one block of width 24."""
    return Recipe(
        dataset="digits",
        limit=200,
        patch_size=2,
        width=24,
        depth=1,
        heads=3,
        crop=1,
        drop_path=0.2,
        init="default",
        passes=3,
        batch_size=50,
    )


@pytest.fixture
def long(tiny: Recipe) -> Recipe:
    return tiny.override(["passes=20", "batch_size=10"])  # a second or two, so that it can be cut


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of jobs: the library that is tested here, and one thread."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


class Scaled(nn.Module):
    """Tokens times a number that grows from 0.5 to 1 while the model trains, and a trained one."""

    factor: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("factor", torch.tensor(0.5), persistent=False)
        self.trained = nn.Parameter(torch.rand(()))

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens * self.factor * self.trained


@pytest.fixture
def toys() -> Iterator[None]:
    """Methods of two kinds: ``toy`` changes the model, and ``guess`` has a loss, parameters and draws of its own."""

    class Toy(Method):
        name = "toy"

        def attach(self, model: nn.Module, view: AttentionView) -> nn.Module:
            model.norm = Scaled()
            self.parts = [model.norm]
            return model

        def update(self, progress: float) -> None:
            self.parts[0].factor.fill_(0.5 + 0.5 * progress)

    class Guess(Method):
        name, has_loss, draws = "guess", True, 2

        def __init__(self, weight: float = 0.5) -> None:
            super().__init__()
            self.weight = weight

        def attach(self, model: nn.Module, view: AttentionView) -> nn.Module:
            self.head = nn.Linear(view.width, 2)
            return model

        def loss(self, step: Step) -> Tensor:
            return self.weight * (self.head(step.tokens.mean(dim=1)) - step.draws).abs().mean()

    for method in (register(Toy), register(Guess)):
        assert METHODS[method.name] is method
    yield
    del METHODS["toy"], METHODS["guess"]
