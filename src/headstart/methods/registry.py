"""The methods by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from headstart.errors import HeadstartError
from headstart.methods.method import Method
from headstart.specs import parse_spec

__all__ = ["METHODS", "method_names", "register", "resolve_methods"]

METHODS: dict[str, type[Method]] = {}

M = TypeVar("M", bound=type[Method])


def register(method: M) -> M:
    """Make a method known by its ``name``; a class decorator.

    Raises :class:`~headstart.errors.HeadstartError` for a class without a name, a name that can't be written in
    ``--with``, and one that another class has.
    """
    name = method.name
    if not name or not name.replace("-", "").replace("_", "").isalnum():
        raise HeadstartError(
            f'{method.__name__} needs a name of letters, digits, - and _ to be asked for by, got {name!r}: name = "…".'
        )
    if name in METHODS and METHODS[name].__qualname__ != method.__qualname__:
        raise HeadstartError(f"there is a method {name!r} already ({METHODS[name].__name__}); choose another name.")
    METHODS[name] = method
    return method


def method_names() -> list[str]:
    """The names of all methods, sorted."""
    return sorted(METHODS)


def resolve_methods(texts: Sequence[str]) -> list[Method]:
    """New methods of these names and options, in this order: ``["drloc:weight=0.5", "life"]``.

    Raises :class:`~headstart.errors.HeadstartError` for an unknown name or option, listing the near ones, for a value
    that does not suit, and for one method asked for twice.
    """
    names = [text.strip().partition(":")[0] for text in texts]
    for name in names:
        if names.count(name) > 1:
            raise HeadstartError(f"method {name!r} is asked for {names.count(name)} times; once is enough.")
    return [parse_spec(text, "method", METHODS) for text in texts]
