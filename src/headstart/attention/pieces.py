"""What adapters are put together from: how a library lays out projections, and the error that names what is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from headstart.attention.block import Projection, RelativeBias
from headstart.errors import UnsupportedModel

__all__ = [
    "After",
    "Missing",
    "UnitNorm",
    "as_conv",
    "as_identity",
    "as_linear",
    "bias_table",
    "first_of",
    "fused",
    "missing_in",
    "separate",
    "table_index",
]

Missing = Callable[[str], UnsupportedModel]


def missing_in(model: nn.Module) -> Missing:
    """A maker of errors that name the model's class first."""
    return lambda what: UnsupportedModel(f"{type(model).__name__}: {what}")


class UnitNorm(nn.Module):
    """x / ‖x‖ over the last axis: cosine attention's queries and keys (2111.09883)."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.normalize(x, dim=-1)


def fused(weight: Tensor, size: int, biases: dict[str, Tensor | None], out: nn.Linear) -> Projection:
    """Q, K and V stacked in one ``weight`` (3·size, in), with one bias (3·size,) under "qkv" or one for each name."""

    def projection(name: str) -> tuple[Tensor, Tensor | None]:
        if name == "o":
            return out.weight.data, None if out.bias is None else out.bias.data
        rows = slice("qkv".index(name) * size, ("qkv".index(name) + 1) * size)
        stacked, own = biases.get("qkv"), biases.get(name)
        bias = stacked.data[rows] if stacked is not None else own.data if own is not None else None
        return weight.data[rows], bias

    return projection


def separate(**layers: nn.Linear) -> Projection:
    """Q, K, V and O (``q=``, ``k=``, ``v=``, ``o=``) as linear layers of their own."""

    def projection(name: str) -> tuple[Tensor, Tensor | None]:
        layer = layers[name]
        return layer.weight.data, None if layer.bias is None else layer.bias.data

    return projection


class After(nn.Module):
    """Stands for what follows a block where no module gets the whole stream: hooks before it run after the block."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self._block = (block,)  # in a tuple, so that it is no part of this module

    def register_forward_pre_hook(self, hook: Callable[..., Any], **_: Any) -> Any:
        """Call ``hook(module, (stream,), {})`` with what the block gives, the first item of a tuple."""

        def after(_module: nn.Module, _args: Any, output: Any) -> None:
            hook(self, (output[0] if isinstance(output, tuple) else output,), {})

        return self._block[0].register_forward_hook(after)


def first_of(holder: Any, *names: str) -> Any:
    """The first attribute of ``holder`` among ``names`` that is there and not ``None``."""
    return next((found for name in names if (found := getattr(holder, name, None)) is not None), None)


def as_linear(layer: Any) -> nn.Linear | None:
    return layer if isinstance(layer, nn.Linear) else None


def as_conv(layer: Any) -> nn.Conv2d | None:
    return layer if isinstance(layer, nn.Conv2d) else None


def as_identity(layer: Any) -> nn.Module:
    """The module itself, or the identity in the place of none."""
    return layer if isinstance(layer, nn.Module) else nn.Identity()


def table_index(grid: tuple[int, int]) -> Tensor:
    """The usual index of a relative bias table with (2h−1)·(2w−1) entries: (T, T), entry of query − key."""
    y, x = (c.flatten() for c in torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij"))
    dy, dx = y[:, None] - y + grid[0] - 1, x[:, None] - x + grid[1] - 1
    return dy * (2 * grid[1] - 1) + dx


def bias_table(holder: Any, index: Tensor) -> RelativeBias:
    """The relative bias of a module with ``relative_position_bias_table`` (entries, H)."""
    return RelativeBias(
        index=index,
        read=lambda: holder.relative_position_bias_table.detach(),
        write=lambda value: holder.relative_position_bias_table.detach().copy_(value),
        parameters=[holder.relative_position_bias_table],
    )
