"""Blocks whose queries, keys and values see a token's neighbours: what a start can write there, and what maps are.

A *local map* stands in the place of a block's fused linear map and gives tokens (B, N, D) their queries, keys and
values (B, N, 3D), by convolutions on the grid. A start wants one linear map of each token by itself; the local map is
asked for it (:meth:`LocalMap.set_token_map_`) and says what it came to (:meth:`LocalMap.token_map`). Attention maps are
computed by the local map itself, so that they are the model's own whatever it holds.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from headstart.attention.block import BlockView, Projection

__all__ = ["LocalMap", "LocalView", "local_projection"]


class LocalMap(nn.Module):
    """What a module in the place of ``attn.qkv`` has to have, so that starts and reports work on its block.

    ``linear`` is its first linear map: the parameter that says where and in which type the block's weights are.
    """

    linear: nn.Linear

    @abstractmethod
    def token_map(self) -> tuple[Tensor, Tensor]:
        """What a token's own features do to its queries, keys and values: weight (3D, D) and bias (3D,), copies."""

    @abstractmethod
    def set_token_map_(self, weight: Tensor) -> None:
        """Let every token by itself have queries, keys and values ``weight @ x``, as nearly as can be; weight (3D, D).

        Neighbours count for nothing afterwards, until training lets them. Raises
        :class:`~headstart.errors.HeadstartError` where no weights give a linear map.
        """

    @abstractmethod
    def set_token_bias_(self, bias: Tensor) -> None:
        """Set what can be set of ``bias`` (3D,); nought everywhere can be had."""


@dataclass
class LocalView(BlockView):
    """A block with a local map: what is read and written of q, k and v is the map of a token by itself.

    What was asked for is kept while q, k and v are written one after the other, so that what a local map can't give of
    one does not stay behind in the others.
    """

    qkv: LocalMap = field(default_factory=LocalMap)
    # The map (3D, D) that was asked for and what it came to; where the map is another one now, others have written.
    _kept: tuple[Tensor, Tensor] | None = field(default=None, init=False, repr=False)

    def _rows(self, name: str) -> slice:
        size = self.heads * self.head_dim
        start = "qkv".index(name) * size
        return slice(start, start + size)

    def read(self, name: str) -> Tensor:
        kind, _, is_bias = name.partition("_")
        if kind == "o":
            return super().read(name)
        weight, bias = self.qkv.token_map()
        if is_bias:
            return bias[self._rows(kind)].unflatten(0, (self.heads, self.head_dim))
        return weight[self._rows(kind)].unflatten(0, (self.heads, self.head_dim)).transpose(1, 2)

    def write(self, name: str, value: Tensor) -> None:
        kind, _, is_bias = name.partition("_")
        if kind == "o":
            super().write(name, value)
        elif is_bias:
            bias = self.qkv.token_map()[1]
            bias[self._rows(kind)] = value.flatten().to(bias)
            self.qkv.set_token_bias_(bias)
        else:
            self._ask(**{name: value})

    def write_qk(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        self._ask(q=q, k=k)
        return self.read("q").to(q), self.read("k").to(k)

    def _ask(self, **values: Tensor) -> None:
        asked = self.qkv.token_map()[0]
        if self._kept is not None and torch.equal(asked, self._kept[1]):
            asked = self._kept[0]
        for name, value in values.items():
            asked[self._rows(name)] = value.transpose(1, 2).flatten(0, 1).to(asked)
        self.qkv.set_token_map_(asked)
        self._kept = asked, self.qkv.token_map()[0]

    def slots(self) -> list[Tensor]:
        return [*super().slots(), *(p.detach() for p in self.qkv.parameters())]

    def project(self, name: str, x: Tensor) -> Tensor:
        qkv = copy.deepcopy(self.qkv).to(x.dtype)(x)
        return qkv[..., self._rows(name)].unflatten(-1, (self.heads, self.head_dim)).transpose(1, 2)


def local_projection(qkv: LocalMap, out: nn.Linear) -> Projection:
    """Where the weights lie, for all that is no reading or writing: shares of the first linear map's rows."""
    rows = qkv.linear.out_features // 3

    def projection(name: str) -> tuple[Tensor, Tensor | None]:
        layer = out if name == "o" else qkv.linear
        part = slice(None) if name == "o" else slice("qkv".index(name) * rows, ("qkv".index(name) + 1) * rows)
        return layer.weight.data[part], None if layer.bias is None else layer.bias.data[part]

    return projection
