"""Token reducers against numbers worked out by hand."""

import math

import pytest
import torch
from torch import nn

from headstart.errors import HeadstartError
from headstart.models import TokenSlim
from headstart.models.reducers import Pooled, RandomKept, Reducer, TopK, cells, shares


def all_of_them(tokens: int = 16, kept: int = 5, prefix: int = 3, width: int = 8) -> list[Reducer]:
    torch.manual_seed(0)
    shape = (tokens, kept, prefix)
    before = cells(tokens, (4, tokens // 4))
    return [
        TokenSlim(*shape, width),
        RandomKept(*shape),
        TopK(*shape, class_token=True),
        Pooled(*shape, before, cells(kept, (4, tokens // 4))),
    ]


def test_token_slim_is_the_formula() -> None:
    torch.manual_seed(0)
    module = TokenSlim(6, 2, 1, 4).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_()
    tokens = torch.randn(3, 7, 4, dtype=torch.float64)
    x = tokens[:, 1:]
    normal = (x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
    hidden = (normal * module.norm.weight + module.norm.bias) @ module.fc1.weight.T + module.fc1.bias
    hidden = 0.5 * hidden * (1 + torch.erf(hidden / math.sqrt(2)))
    z = module.scale * (hidden @ module.fc2.weight.T + module.fc2.bias)
    assignment = z.exp() / z.exp().sum(dim=1, keepdim=True)
    expected = torch.einsum("bnm,bnd->bmd", assignment, x)
    found = module(tokens)
    assert torch.equal(found[:, 0], tokens[:, 0]) and found.shape == (3, 3, 4)
    assert torch.allclose(found[:, 1:], expected, atol=1e-12)
    assert module.fc1.weight.shape == (2, 4) and module.scale.ndim == 0
    assert torch.allclose(module.assignment(x).sum(dim=1), torch.ones(3, 2, dtype=torch.float64))
    assert torch.autograd.gradcheck(module, tokens.requires_grad_())


def test_a_fresh_token_slim_is_near_the_mean() -> None:
    torch.manual_seed(0)
    module = TokenSlim(64, 32, 0, 192)
    assert module.scale.item() == 1.0 and not module.fc1.bias.any()
    assert module.fc1.weight.std().item() == pytest.approx(0.02, rel=0.05)
    tokens = torch.randn(2, 64, 192)
    assert module.assignment(tokens).sub(1 / 64).abs().max() < 0.01


@pytest.mark.parametrize("index", range(4))
def test_prefix_tokens_stay_and_shapes_are_right(index: int) -> None:
    reducer = all_of_them()[index]
    tokens = torch.randn(2, 19, 8, requires_grad=True)
    scores = torch.rand(2, 16)
    found = reducer(tokens, scores) if reducer.scored else reducer(tokens)
    assert found.shape == (2, 8, 8) and torch.equal(found[:, :3], tokens[:, :3])
    found.square().sum().backward()
    assert tokens.grad is not None and tokens.grad[:, 3:].abs().sum() > 0
    assert str(reducer).partition("\n")[0] in (f"{type(reducer).__name__}(16 → 5 tokens)", "TokenSlim(")
    message = r"made for one number of tokens: expected 3 \+ 16 of them here, got 20; use images of the size"
    with pytest.raises(HeadstartError, match=message):
        reducer(torch.randn(2, 20, 8), scores)


def test_random_positions_are_one_for_all_and_saved() -> None:
    one, same, other = (RandomKept(16, 5, 0, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(one.positions, same.positions) and not torch.equal(one.positions, other.positions)
    assert one.positions.tolist() == sorted(set(one.positions.tolist())) and len(one.positions) == 5
    assert "positions" in one.state_dict()
    tokens = torch.randn(2, 16, 3)
    assert torch.equal(one.train()(tokens), one.eval()(tokens)) and torch.equal(one(tokens), tokens[:, one.positions])


def test_topk_keeps_the_best_in_their_order() -> None:
    scores = torch.tensor([[0.1, 0.4, 0.2, 0.3], [0.9, 0.0, 0.05, 0.05001]])
    tokens = torch.arange(8.0).view(2, 4, 1)
    assert TopK(4, 2, 0, False)(tokens, scores).flatten(1).tolist() == [[1, 3], [4, 7]]
    with pytest.raises(HeadstartError, match=r"topk: expected a score of each token, \(2, 4\), got \(2, 3\)"):
        TopK(4, 2, 0, False)(tokens, scores[:, :3])


def test_pooling_a_quarter_is_two_by_two() -> None:
    torch.manual_seed(0)
    for height, width in ((8, 8), (4, 8), (6, 2)):
        tokens = torch.randn(2, height * width, 5)
        grid = (height, width)
        module = Pooled(
            height * width, height * width // 4, 0, cells(height * width, grid), cells(height * width // 4, grid)
        )
        maps = tokens.transpose(1, 2).unflatten(2, grid)
        expected = nn.functional.avg_pool2d(maps, 2).flatten(2).transpose(1, 2)
        assert torch.allclose(module(tokens), expected, atol=1e-6)
        assert not module.state_dict()


def test_cells_share_the_image_out() -> None:
    for count, grid in ((7, (4, 4)), (32, (8, 8)), (37, (8, 8)), (5, (2, 9)), (1, (3, 3))):
        found = cells(count, grid)
        area = (found[:, 1] - found[:, 0]) * (found[:, 3] - found[:, 2])
        assert found.shape == (count, 4) and area.sum().item() == pytest.approx(1)
        weights = shares(cells(grid[0] * grid[1], grid), found)
        assert torch.allclose(weights.sum(dim=1), torch.ones(count, dtype=torch.float64))
        # Every old token is shared out in full.
        assert torch.allclose(
            (weights * area[:, None]).sum(dim=0), torch.full((grid[0] * grid[1],), 1 / math.prod(grid)).double()
        )
    # Three cells of 2×2: two rows, one whole above two halves.
    assert cells(3, (2, 2)).tolist() == [[0, 0.5, 0, 1], [0.5, 1, 0, 0.5], [0.5, 1, 0.5, 1]]
    assert shares(cells(4, (2, 2)), cells(3, (2, 2))).tolist() == [[0.5, 0.5, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
