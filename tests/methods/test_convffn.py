from typing import Any

import pytest
import torch
import torch.nn.functional as F

from headstart.attention import attention_view
from headstart.errors import HeadstartError
from headstart.evaluation import cost
from headstart.methods import resolve_methods
from headstart.models.vit import create_vit


def attached(spec: str = "convffn", **options: Any) -> Any:
    torch.manual_seed(0)
    model = create_vit(**{"width": 12, "depth": 2, "heads": 3, "image_size": (16, 24), "mlp_ratio": 2.0, **options})
    return resolve_methods([spec])[0].attach(model, attention_view(model))


def test_a_block_by_hand() -> None:
    """Tokens are nought but one, the MLP copies its input, the kernel counts: neighbours get what lies across."""
    mlp = attached(mlp_ratio=1.0).blocks[0].mlp
    for layer in (mlp.fc1, mlp.fc2):
        torch.nn.init.eye_(layer.weight)
    mlp.conv.weight.data.copy_(torch.arange(1.0, 10).view(3, 3).expand(12, 1, 3, 3))
    torch.nn.init.zeros_(mlp.conv.bias)
    tokens = torch.zeros(1, 24, 12)
    tokens[0, 6 * 2 + 5] = 10.0  # row 2, last column, of a grid of 4×6
    found = mlp(tokens)[0, :, 3].view(4, 6)
    expected = torch.zeros(4, 6)
    expected[1:4, 4:] = 10 * torch.tensor([[9.0, 8.0], [6.0, 5.0], [3.0, 2.0]])
    torch.testing.assert_close(found, expected)  # GELU of these is the number itself


@pytest.mark.parametrize("kernel", [3, 5])
def test_the_formula_with_prefix_tokens(kernel: int) -> None:
    model = attached(f"convffn:kernel={kernel}", pool="class", registers=2).double()
    mlp, x = model.blocks[1].mlp, torch.randn(2, 3 + 24, 12, dtype=torch.float64)
    hidden = x @ mlp.fc1.weight.T + mlp.fc1.bias
    grid = F.pad(hidden[:, 3:].unflatten(1, (4, 6)), (0, 0, *[kernel // 2] * 4))
    after = mlp.conv.bias.expand(2, 4, 6, 24).clone()
    for u in range(kernel):
        for v in range(kernel):
            after += mlp.conv.weight[:, 0, u, v] * grid[:, u : u + 4, v : v + 6]
    hidden = F.gelu(torch.cat([hidden[:, :3], after.flatten(1, 2)], 1))
    torch.testing.assert_close(mlp(x), hidden @ mlp.fc2.weight.T + mlp.fc2.bias)


def test_gradients_are_those_of_finite_differences() -> None:
    mlp = attached(image_size=(8, 12), width=3, heads=1, pool="class").blocks[0].mlp.double()
    assert torch.autograd.gradcheck(mlp, torch.randn(2, 1 + 6, 3, dtype=torch.float64, requires_grad=True))


def test_a_delta_start_is_the_model_without() -> None:
    images = torch.randn(2, 3, 16, 24)
    torch.manual_seed(0)
    plain = create_vit(width=12, depth=2, heads=3, image_size=(16, 24), mlp_ratio=2.0, pool="class")
    torch.testing.assert_close(attached("convffn:kernel=5:start=delta", pool="class")(images), plain(images))
    usual = attached(pool="class")
    assert (usual(images) - plain(images)).abs().max() > 1e-6
    missing, unexpected = usual.load_state_dict(plain.state_dict(), strict=False)
    assert set(missing) == {f"blocks.{i}.mlp.conv.{name}" for i in range(2) for name in ("weight", "bias")}
    assert unexpected == []


def test_the_cost_of_vit_tiny() -> None:
    plain = cost(create_vit(), (3, 32, 32))
    found = cost(attached(width=192, depth=12, mlp_ratio=4.0, image_size=32), (3, 32, 32))
    assert found.parameters - plain.parameters == 12 * 768 * (9 + 1)
    assert found.flops - plain.flops == 2 * 12 * 64 * 768 * 9


def test_the_control_convolves_over_patches_in_another_order() -> None:
    model = attached("convffn:control=shuffled", pool="class")
    mlp, x = model.blocks[0].mlp, torch.randn(2, 1 + 24, 12)
    assert mlp.order.tolist() != list(range(24)) and sorted(mlp.order.tolist()) == list(range(24))
    assert torch.equal(mlp.order, model.blocks[1].mlp.order)
    plain = attached(pool="class").blocks[0].mlp
    plain.load_state_dict({name: value for name, value in mlp.state_dict().items() if name not in ("order", "back")})
    moved = torch.cat([x[:, :1], x[:, 1:][:, mlp.order]], dim=1)
    expected = plain(moved)
    torch.testing.assert_close(mlp(x)[:, 0], expected[:, 0])
    torch.testing.assert_close(mlp(x)[:, 1:][:, mlp.order], expected[:, 1:])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("convffn:kernel=4", "kernel must be an odd number of patches from 3 on, got 4"),
        ("convffn:kernel=1", "kernel must be an odd number of patches from 3 on, got 1"),
        ("convffn:control=no", "unknown control of method 'convffn' 'no': did you mean 'none'? Known: none, shuffled"),
        ("convffn:start=patch", "unknown start of method 'convffn' 'patch': Known: delta, usual"),
    ],
)
def test_bad_options_are_told(spec: str, message: str) -> None:
    with pytest.raises(HeadstartError) as told:
        attached(spec)
    assert message in str(told.value)


def test_tokens_that_are_not_on_the_grid_are_told() -> None:
    with pytest.raises(HeadstartError, match="grid of 4×6 behind 1 prefix tokens, got 24; leave out what takes tokens"):
        attached(pool="class").blocks[0](torch.zeros(1, 24, 12))
