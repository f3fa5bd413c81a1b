"""Errors a person can act on: what was expected, what was got, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["HeadstartError", "UnsupportedModel", "unknown"]


class HeadstartError(ValueError):
    """Something the caller can put right; the message says how."""


class UnsupportedModel(HeadstartError):
    """The model's attention cannot be seen; the message names the class and what was missing."""


def unknown(kind: str, name: object, choices: Iterable[str]) -> HeadstartError:
    """An error for a name that is not one of ``choices``, with the nearest ones first.

    >>> print(unknown("scheme", "impulze", ["default", "impulse", "mimetic"]))
    unknown scheme 'impulze': did you mean 'impulse'? Known: default, impulse, mimetic.
    """
    known = sorted(choices)
    near = difflib.get_close_matches(str(name), known, n=3, cutoff=0.6)
    hint = f" did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
    return HeadstartError(f"unknown {kind} {name!r}:{hint} Known: {', '.join(known)}.")
