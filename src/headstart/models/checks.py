"""The numbers that a model is made with, checked: each wrong one is told by the model's name and its own."""

from __future__ import annotations

import math
from typing import Any

from headstart.errors import HeadstartError

__all__ = ["check_drop_path", "check_whole", "hidden_units", "sides"]


def check_whole(model: str, least: int = 1, **values: Any) -> None:
    """Raise :class:`~headstart.errors.HeadstartError` unless each value is a whole number and ``least`` or more.

    >>> check_whole("ViT", depth=12)
    """
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise HeadstartError(f"{model}: {name} must be a whole number, at least {least}; got {value!r}.")


def sides(model: str, name: str, value: Any) -> tuple[int, int]:
    """(height, width) in pixels, from a number or two; raises for anything else, and for less than one.

    >>> sides("ViT", "image_size", 32), sides("ViT", "image_size", (32, 48))
    ((32, 32), (32, 48))
    """
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2 or not all(isinstance(s, int) and not isinstance(s, bool) and s > 0 for s in pair):
        raise HeadstartError(
            f"{model}: {name} must be pixels, a whole number or two (height, width), at least 1; got {value!r}."
        )
    return pair[0], pair[1]


def check_drop_path(model: str, rate: Any) -> None:
    """Raise unless ``rate`` is one of stochastic depth: what is kept is divided by 1 − rate."""
    if not isinstance(rate, (int, float)) or not 0 <= rate < 1:
        raise HeadstartError(f"{model}: drop_path must be from 0 up, and below 1; got {rate!r}.")


def hidden_units(model: str, width: int, mlp_ratio: Any) -> int:
    """The units between an MLP's two layers, ``mlp_ratio`` widths rounded down; raises where that is none.

    >>> hidden_units("ViT", 24, 2.5)
    60
    """
    number = isinstance(mlp_ratio, (int, float)) and not isinstance(mlp_ratio, bool) and math.isfinite(mlp_ratio)
    if not number or int(width * mlp_ratio) < 1:
        raise HeadstartError(
            f"{model}: mlp_ratio must be a number of widths that leaves the MLP a unit or more, at least 1/{width} for "
            f"this width; got {mlp_ratio!r}."
        )
    return int(width * mlp_ratio)
