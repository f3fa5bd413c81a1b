"""Choices written as text: a name and options, ``impulse:solver=decoder:sharpness=0.5``, of schemes and of methods."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from headstart.errors import HeadstartError, unknown

__all__ = ["check_kind", "parse_spec", "split_spec", "write_value"]

T = TypeVar("T")


def parse_spec(text: str, kind: str, makers: Mapping[str, Callable[..., T]]) -> T:
    """What the maker of that name makes with these options.

    Args:
        text: ``name:key=value:key=value``; a value is a number, True or False, None, a word, or several with ``/``
            between; what stands in parentheses is one value, such as a pair ``(0,1)`` or another choice.
        kind: what is named, in messages.
        makers: by name; their arguments, all with defaults, are the options.

    Raises :class:`~headstart.errors.HeadstartError` for an unknown name or option, listing the near ones, and for a
    value of another type than the default.

    >>> parse_spec("box:side=3", "shape", {"box": lambda side=1, filled=False: (side, filled)})
    (3, False)
    """
    name, values = split_spec(text, kind)
    if name not in makers:
        raise unknown(kind, name, makers)
    known = inspect.signature(makers[name]).parameters
    for key, value in values.items():
        if key not in known:
            raise unknown(f"option of {kind} {name!r}", key, known)
        check_kind(f"{kind} {text!r}", key, value, known[key].default)
    return makers[name](**values)


def split_spec(text: str, kind: str) -> tuple[str, dict[str, Any]]:
    """The name and the options of a choice, whatever they are for.

    Raises :class:`~headstart.errors.HeadstartError` for an option that is no ``key=value``, and for one given twice.

    >>> split_spec("tiny:heads=12:pool=class", "model")
    ('tiny', {'heads': 12, 'pool': 'class'})
    """
    name, *options = _split(text.strip(), ":")
    values: dict[str, Any] = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals:
            raise HeadstartError(f"{kind} {text!r}: expected name:key=value:key=value, got {option!r}.")
        if key in values:
            raise HeadstartError(f"{kind} {text!r}: {key} is given twice; leave one of them out.")
        values[key] = _read(value)
    return name, values


def check_kind(what: str, key: str, value: Any, default: Any) -> None:
    """Raise :class:`~headstart.errors.HeadstartError` where ``default`` is a number or a truth and ``value`` is none.

    >>> check_kind("shape 'box:side=x'", "side", "x", 1)
    Traceback (most recent call last):
        ...
    headstart.errors.HeadstartError: shape 'box:side=x': side must be a int, got 'x'.
    """
    if isinstance(default, (bool, int, float)) and not _same_kind(value, default):
        raise HeadstartError(f"{what}: {key} must be a {type(default).__name__}, got {write_value(value)!r}.")


def write_value(value: Any) -> str:
    """A value as :func:`parse_spec` reads it; the only one of a tuple by itself.

    >>> write_value((0.5, 0.25)), write_value(((0, 1), (-1, 0)))
    ('0.5/0.25', '(0,1)/(-1,0)')
    """
    if not isinstance(value, tuple):
        return str(value)
    return "/".join(repr(part).replace(" ", "") if isinstance(part, tuple) else write_value(part) for part in value)


def _same_kind(value: Any, default: Any) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, int):
        return isinstance(value, int)
    return isinstance(value, (int, float))


def _read(value: str) -> Any:
    parts = _split(value, "/")
    if len(parts) > 1:
        return tuple(_read(part) for part in parts)
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value


def _split(text: str, mark: str) -> list[str]:
    """The parts of ``text`` between the marks that stand outside all parentheses; those of no pair count as letters."""
    parts, depth = [""], 0
    for letter in text:
        depth += {"(": 1, ")": -1 if depth else 0}.get(letter, 0)
        if letter == mark and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return text.split(mark) if depth else parts
