"""What every initialization scheme has in common, and how one is named.

A scheme is a frozen dataclass that says a whole choice; it is written as its name and the fields that differ from their
defaults: ``impulse:solver=decoder:sharpness=0.5``.
"""

from __future__ import annotations

import ast
import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from headstart.attention import AttentionView
from headstart.errors import HeadstartError, unknown
from headstart.initialization.draw import Draw

__all__ = ["Aim", "Scheme", "parse"]


@dataclass
class Aim:
    """What heads were meant to look at, per block ``offsets`` (H, 2) and ``targets`` (H, T), and how sharply."""

    offsets: list[Tensor]
    targets: list[Tensor]
    sharpness: list[float] | None
    notes: list[str]
    bias_error: float | None = None


@dataclass(frozen=True)
class Scheme:
    """A start for the whole network. Two options go with any scheme:

    ``mlp_mean``: added to every entry of each block's first MLP weight (a non-zero mean, as in 2602.07156, whose size
    and sign could not be read: sweep it). ``whiten``: patch embedding set to the whitening of the patches of
    ``images``.
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
        """The scheme as text, from which :func:`parse` makes it again."""
        changed = [
            f"{f.name}={_write(getattr(self, f.name))}"
            for f in dataclasses.fields(self)
            if getattr(self, f.name) != _default(f)
        ]
        return ":".join([self.name, *changed])

    def apply(self, view: AttentionView, draw: Draw, images: Tensor | None) -> Aim | None:
        """Write the scheme's weights; returns what the heads aim at, if they aim at anything."""
        raise AssertionError(f"{type(self).__name__} must define apply")


def parse(text: str, schemes: dict[str, type[Scheme]]) -> Scheme:
    """The scheme that ``text`` names; raises for an unknown name or field, listing the near ones."""
    name, *options = text.strip().split(":")
    if name not in schemes:
        raise unknown("scheme", name, schemes)
    scheme = schemes[name]
    fields = {f.name: f for f in dataclasses.fields(scheme)}
    values: dict[str, Any] = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals:
            raise HeadstartError(f"scheme {text!r}: expected name:key=value:key=value, got {option!r}.")
        if key not in fields:
            raise unknown(f"option of scheme {name!r}", key, fields)
        values[key] = _read(value)
        default = _default(fields[key])
        if isinstance(default, (bool, int, float)) and not _same_kind(values[key], default):
            raise HeadstartError(f"scheme {text!r}: {key} must be a {type(default).__name__}, got {value!r}.")
    return scheme(**values)


def _default(field: dataclasses.Field) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _same_kind(value: Any, default: Any) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, int):
        return isinstance(value, int)
    return isinstance(value, (int, float))


def _read(value: str) -> Any:
    if "/" in value:
        return tuple(_read(part) for part in value.split("/"))
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value


def _write(value: Any) -> str:
    if isinstance(value, Scheme):
        return value.name
    return "/".join(map(_write, value)) if isinstance(value, tuple) else str(value)
