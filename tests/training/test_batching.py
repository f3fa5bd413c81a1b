"""Each operation under ``vmap`` with and without the mode, and the mode without ``vmap``."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from headstart.training.batching import BatchesWell


def random(*shape: int) -> Tensor:
    noise = torch.Generator().manual_seed(len(shape))
    return torch.randn(shape, generator=noise, dtype=torch.float64).requires_grad_()


def attention(q: Tensor, k: Tensor, **options: object) -> Tensor:
    return F.scaled_dot_product_attention(q, k, k.flip(-1), **options)


OPERATIONS: dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...]]] = {
    "attention": (attention, (random(3, 2, 4, 5, 8), random(3, 2, 4, 6, 8))),
    "scaled, causal": (
        lambda q, k: attention(q, k, scale=0.3, is_causal=True),
        (random(3, 2, 4, 5, 8), random(3, 2, 4, 5, 8)),
    ),
    "a bias for each model": (
        lambda q, k, bias: attention(q, k, attn_mask=bias),
        (random(3, 2, 4, 5, 8), random(3, 2, 4, 6, 8), random(3, 4, 5, 6)),
    ),
    "grouped queries": (
        lambda q, k: attention(q, k, enable_gqa=True),
        (random(3, 2, 4, 5, 8), random(3, 2, 2, 6, 8)),
    ),
    "linear": (F.linear, (random(3, 2, 5, 8), random(3, 7, 8), random(3, 7))),
    "patches": (
        lambda x, w, b: F.conv2d(x, w, b, stride=(4, 2)),
        (random(3, 2, 5, 8, 8), random(3, 7, 5, 4, 2), random(3, 7)),
    ),
    "overlapping patches": (
        lambda x, w: F.conv2d(x, w, stride=2, padding=1),
        (random(3, 2, 5, 8, 8), random(3, 7, 5, 4, 4)),
    ),
    "depthwise": (
        lambda x, w, b: F.conv2d(x, w, b, padding=1, groups=5),
        (random(3, 2, 5, 4, 6), random(3, 5, 1, 3, 3), random(3, 5)),
    ),
    "a rest": (lambda x, w: F.conv2d(x, w, stride=3), (random(3, 2, 5, 8, 8), random(3, 7, 5, 3, 3))),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_values_and_gradients_are_those_of_the_operation_on_each(name: str) -> None:
    operation, inputs = OPERATIONS[name]
    expected = torch.stack([operation(*row) for row in zip(*inputs, strict=True)])
    with BatchesWell(), warnings.catch_warnings():
        warnings.simplefilter("error")
        found = torch.vmap(operation)(*inputs)
    torch.testing.assert_close(found, expected)
    cotangent = torch.linspace(-1, 1, expected.numel(), dtype=expected.dtype).view_as(expected)
    ours, theirs = (torch.autograd.grad(out, inputs, cotangent) for out in (found, expected))
    torch.testing.assert_close(ours, theirs)


def test_keys_shared_by_all_models_are_folded_too() -> None:
    q, k = random(3, 2, 4, 5, 8), random(2, 4, 6, 8)
    with BatchesWell():
        found = torch.vmap(attention, (0, None))(q, k)
    torch.testing.assert_close(found, torch.stack([attention(row, k) for row in q]))


@pytest.mark.parametrize("halved", [False, True], ids=["float", "half"])
@pytest.mark.parametrize("name", ["attention", "patches", "overlapping patches", "depthwise", "linear"])
def test_autocast_is_heeded(name: str, halved: bool) -> None:
    operation, inputs = OPERATIONS[name]
    inputs = tuple(x.detach().float() for x in inputs)
    inputs = (inputs[0].half() if halved else inputs[0], *inputs[1:])  # as a layer in front leaves it
    with torch.autocast("cpu", dtype=torch.float16):
        expected = torch.stack([operation(*row) for row in zip(*inputs, strict=True)])
        with BatchesWell():
            found = torch.vmap(operation)(*inputs)
    assert found.dtype == expected.dtype == torch.float16
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2)
