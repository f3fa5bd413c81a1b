"""What every initialization scheme has in common, and how one is named.

A scheme is a frozen dataclass that says a whole choice; it is written as its name and the fields that differ from their
defaults: ``impulse:solver=decoder:sharpness=0.5``.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from headstart.attention import AttentionView
from headstart.initialization.draw import Draw
from headstart.specs import write_value

__all__ = ["Aim", "Scheme"]


@dataclass
class Aim:
    """What heads were meant to look at, per block ``offsets`` (H, 2) and ``targets`` (H, T), and how sharply; and which
    heads of each block look at ``content`` instead, so that theirs mean nothing. ``notes`` are to be warned of,
    ``remarks`` stand in the report alone.
    """

    offsets: list[Tensor]
    targets: list[Tensor]
    content: list[list[int]]
    sharpness: list[float] | None
    notes: list[str]
    remarks: list[str]
    bias_error: float | None = None


@dataclass(frozen=True)
class Scheme:
    """A start for the whole network. Two options go with any scheme:

    ``mlp_mean``: added to every entry of each block's first MLP weight (a non-zero mean, as in 2602.07156, whose size
    and sign could not be read; next to nothing behind a LayerNorm, see ``shift_mlp``). ``whiten``: patch embedding set
    to the whitening of the patches of ``images``.
    """

    mlp_mean: float = dataclasses.field(default=0.0, kw_only=True)
    whiten: bool = dataclasses.field(default=False, kw_only=True)

    name: ClassVar[str] = ""
    normalised_ok: ClassVar[bool] = False  # whether it can start models that normalise queries and keys

    @property
    def uses_images(self) -> bool:
        """Whether ``init_`` must be given images."""
        return self.whiten

    @property
    def spec(self) -> str:
        """The scheme as text, from which :func:`~headstart.specs.parse_spec` makes it again."""
        changed = [
            f"{f.name}={_write(getattr(self, f.name))}"
            for f in dataclasses.fields(self)
            if getattr(self, f.name) != _default(f)
        ]
        return ":".join([self.name, *changed])

    def apply(self, view: AttentionView, draw: Draw, images: Tensor | None) -> Aim | None:
        """Write the scheme's weights; returns what the heads aim at, if they aim at anything."""
        raise AssertionError(f"{type(self).__name__} must define apply")


def _default(field: dataclasses.Field) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _write(value: Any) -> str:
    if isinstance(value, Scheme):
        return f"({value.spec})"
    alone = isinstance(value, tuple) and len(value) == 1
    return repr(value).replace(" ", "") if alone else write_value(value)
