"""The formula by hand, its start, and what is held."""

import math

import pytest
import torch

from headstart.errors import HeadstartError
from headstart.models.positional import PositionalAttention


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_formula_by_hand() -> None:
    model = PositionalAttention(2, 3, generator(), power=3, slope=0.5)
    with torch.no_grad():
        model.v.copy_(torch.tensor([1.0, 0, 2]))
        model.between.copy_(torch.tensor([[9.0, 0.2], [-0.1, 9.0]]))  # the diagonal is not read
    held = math.log(math.log(3))
    rows = []
    for i, beside in enumerate((0.2, -0.1)):
        own, other = math.exp(held), math.exp(beside)
        share = own / (own + other)
        seen = [1 * 1 + 2 * 3, 1 * 0 + 2 * -1]
        rows.append(share * seen[i] + (1 - share) * seen[1 - i])
    expected = sum(x**3 + 0.5 * x for x in rows)
    found = model(torch.tensor([[[1.0, 5, 3], [0, 7, -1]]]))
    assert found.shape == (1,) and found.item() == pytest.approx(expected, rel=1e-5)


def test_the_start_of_the_simulation() -> None:
    model = PositionalAttention(10, 100, generator())
    assert model.scores.diagonal().tolist() == pytest.approx([math.log(math.log(100))] * 10)
    off = model.scores[~torch.eye(10, dtype=torch.bool)]
    assert off.std().item() == pytest.approx(1e-3, rel=0.25) and model.v.std().item() == pytest.approx(1e-3, rel=0.25)
    torch.testing.assert_close(model.attention.sum(-1), torch.ones(10))


def test_the_diagonal_is_held_and_the_rest_learns() -> None:
    model = PositionalAttention(4, 8, generator())
    assert torch.autograd.gradcheck(model.double(), torch.rand(3, 4, 8, dtype=torch.float64, requires_grad=True))
    model(torch.rand(5, 4, 8, generator=generator()).double()).sum().backward()
    assert model.between.grad is not None and model.v.grad is not None
    assert model.between.grad.diagonal().abs().max() == 0 and model.v.grad.abs().min() > 0
    assert (model.between.grad != 0).sum() == 12


def test_forgetting_the_feature_keeps_the_positions() -> None:
    model = PositionalAttention(4, 8, generator())
    before, v = model.scores.clone(), model.v.clone()
    model.forget(generator(1))
    assert torch.equal(model.scores, before) and not torch.equal(model.v, v)


def test_opposite_patches_are_of_opposite_classes() -> None:
    model, patches = PositionalAttention(4, 8, generator()), torch.rand(3, 4, 8, generator=generator())
    torch.testing.assert_close(model(-patches), -model(patches))


def test_what_can_not_be_is_refused() -> None:
    with pytest.raises(HeadstartError, match=r"power must be odd.*got 4"):
        PositionalAttention(4, 8, generator(), power=4)
    with pytest.raises(HeadstartError, match=r"at least 3.*got 2"):
        PositionalAttention(4, 2, generator())
