"""Mimetic initialization and its relatives: starts that do not look at positions.

Shapes: ``D`` width, ``H`` heads, ``R`` head dim, ``A`` = H·R.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from headstart.attention import AttentionView
from headstart.errors import UnsupportedModel, unknown
from headstart.initialization.content import MIX, mimetic_qk
from headstart.initialization.draw import Draw
from headstart.initialization.scheme import Aim, Scheme
from headstart.initialization.values import VALUES, content_std, mimetic_values, write_values, zero_bias

__all__ = ["Conditioned", "Default", "Mimetic", "ReleasedMimetic"]


@dataclass(frozen=True)
class Default(Scheme):
    """Leaves the model as its library made it; with a ``value`` as in :class:`Impulse`, its queries and keys alone."""

    value: str = "default"

    name: ClassVar[str] = "default"
    normalised_ok: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_value(self.value)

    def apply(self, view: AttentionView, draw: Draw, images: Tensor | None) -> Aim | None:
        _write_values(view, self.value, draw)
        return None


def _check_value(value: str) -> None:
    if value not in VALUES:
        raise unknown("value", value, VALUES)


def _write_values(view: AttentionView, value: str, draw: Draw) -> None:
    if value == "default":
        return
    if view.source == "mixing":
        raise UnsupportedModel(
            f"{type(view.model).__name__} mixes tokens without value and output weights, which value={value!r} sets; "
            "leave value out, or use 'impulse'."
        )
    spread = content_std(view)
    for block in view.blocks:
        write_values(block, value, len(view.blocks), spread, draw)


@dataclass(frozen=True)
class Mimetic(Scheme):
    """Mimetic initialization as its paper states it (2305.09828, ICML 2023).

    Per head Q Kᵀ is the best rank-R part of ``alpha``·Z + ``beta``·I, and V·O over all heads ``value_alpha``·Z −
    ``value_beta``·I, each Z with independent entries uniform in ±√(3/D); the SVD's singular values are shared evenly.
    The biases of Q and K become zero; the position embedding is left. Another ``value`` than "mimetic", as in
    :class:`Impulse`, keeps the stated Q and K alone.
    """

    alpha: float = MIX[0]
    beta: float = MIX[1]
    value_alpha: float = 0.4
    value_beta: float = 0.4
    value: str = "mimetic"

    name: ClassVar[str] = "mimetic"

    def __post_init__(self) -> None:
        _check_value(self.value)

    def apply(self, view: AttentionView, draw: Draw, images: Tensor | None) -> Aim | None:
        for block in view.blocks:
            q, k = mimetic_qk(block.width, block.heads, block.head_dim, self.alpha, self.beta, draw)
            block.write("q", q)
            block.write("k", k)
            if self.value == "mimetic":
                v, o = mimetic_values(block.width, block.heads, block.head_dim, self.value_alpha, self.value_beta, draw)
                block.write("v", v)
                block.write("o", o)
            zero_bias(block, "q", "k")
        if self.value != "mimetic":
            _write_values(view, self.value, draw)
        return None


@dataclass(frozen=True)
class ReleasedMimetic(Mimetic):
    """Mimetic initialization as the baseline in the released code of 2505.19985 writes it, for replication.

    Differs from :class:`Mimetic` in the value and output weights, which that code stores untransposed: ``nn.Linear``
    then computes V = (U√Σ)ᵀ and O = (√ΣVᵀ)ᵀ, whose product keeps the diagonal −0.4 but with entries of std 0.24
    instead of 0.03 on it (at D = 192).
    """

    name: ClassVar[str] = "mimetic-released"

    def apply(self, view: AttentionView, draw: Draw, images: Tensor | None) -> Aim | None:
        super().apply(view, draw, images)
        if self.value != "mimetic":
            return None
        for block in view.blocks:
            if block.heads * block.head_dim != block.width:
                continue  # rectangular factors have only one orientation
            v = block.read("v").transpose(0, 1).flatten(1)  # (D, A)
            o = block.read("o").flatten(0, 1)  # (A, D)
            block.write("v", v.T.unflatten(1, (block.heads, block.head_dim)).transpose(0, 1))
            block.write("o", o.T.unflatten(0, (block.heads, block.head_dim)))
        return None


@dataclass(frozen=True)
class Conditioned(Scheme):
    """Heads of condition number one: Q and K semi-orthogonal, V a rectangular identity (openreview cKNOCYPo2W, ICLR
    2026).

    Built from a summary of the paper, no code being public, which leaves open whether Q and K are meant head by head:
    here each head's are random orthonormal columns (D, R), drawn apart, so that those of all heads side by side (D, A)
    are not orthonormal. V of all heads is the identity (D, A). The output projection is left, the biases of Q and K
    become zero.
    """

    name: ClassVar[str] = "conditioned"

    def apply(self, view: AttentionView, draw: Draw, images: Tensor | None) -> Aim | None:
        for block in view.blocks:
            for name in ("q", "k"):
                frames = [draw.orthonormal(block.width, block.head_dim) for _ in range(block.heads)]
                block.write(name, torch.stack(frames))
            identity = torch.eye(block.width, block.heads * block.head_dim, dtype=torch.float64)
            block.write("v", identity.unflatten(1, (block.heads, block.head_dim)).transpose(0, 1))
            zero_bias(block, "q", "k")
        return None
