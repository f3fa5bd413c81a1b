"""The control that separates scale from structure."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from headstart.attention import AttentionView
from headstart.errors import HeadstartError
from headstart.initialization.draw import Draw
from headstart.initialization.impulse import Impulse
from headstart.initialization.scheme import Aim, Scheme
from headstart.specs import parse_spec

__all__ = ["NormMatched"]


@dataclass(frozen=True)
class NormMatched(Scheme):
    """The model's own weights, rescaled to the size that a structured scheme gives them.

    Each head's Q, K, V and O keep their values but for one factor, so that their Frobenius norms are those of ``to``; a
    learned position embedding is likewise rescaled to its root mean square, and all else stays. Whatever this start
    gains, size alone gains. As text ``to`` stands in parentheses: ``norm-matched:to=(impulse:kernel=5)``.
    """

    to: Impulse = dataclasses.field(default_factory=Impulse)

    name: ClassVar[str] = "norm-matched"

    def __post_init__(self) -> None:
        if isinstance(self.to, str):
            text = self.to.removeprefix("(").removesuffix(")")
            object.__setattr__(self, "to", parse_spec(text, "scheme", {Impulse.name: Impulse}))
        if not isinstance(self.to, Impulse):
            raise HeadstartError(
                f"norm-matched: to must be an Impulse, or its text such as (impulse:kernel=5), got {self.to!r}."
            )

    @property
    def uses_images(self) -> bool:
        return self.whiten or self.to.uses_images

    def apply(self, view: AttentionView, draw: Draw, images: Tensor | None) -> Aim | None:
        if view.absolute is None or view.source not in ("learned", "fixed"):
            raise HeadstartError(f"norm-matched needs an absolute position embedding; here position is {view.source}.")
        restore = view.snapshot(mlp=True)  # reserving a fixed table's directions writes to patch embedding and MLPs too
        self.to.apply(view, draw, images)
        sizes = [
            {name: torch.linalg.matrix_norm(block.read(name), keepdim=True) for name in "qkvo"} for block in view.blocks
        ]
        rms = view.position.table.detach().square().mean().sqrt()
        restore()
        for block, found in zip(view.blocks, sizes, strict=True):
            for name, size in found.items():
                weight = block.read(name)
                block.write(name, weight * size / torch.linalg.matrix_norm(weight, keepdim=True).clamp(min=1e-12))
        if view.position.kind == "learned":
            table = view.position.table.detach()
            table.copy_(table * rms / table.square().mean().sqrt().clamp(min=1e-12))
        return None
