"""Errors a person can act on: what was expected, what was got, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["HeadstartError", "UnsupportedModel", "first_line", "unknown"]


_READ = 60  # names are listed whole up to here, which all of the library's own are
_SHOWN = 20


class HeadstartError(ValueError):
    """Something the caller can put right; the message says how."""


class UnsupportedModel(HeadstartError):
    """The model's attention cannot be seen; the message names the class and what was missing."""


def first_line(error: BaseException) -> str:
    r"""What another library's error says, in a line to be quoted; "no reason given" where it says nothing.

    >>> first_line(RuntimeError("\n  shapes differ\n  at ..."))
    'shapes differ'
    """
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")


def unknown(kind: str, name: object, choices: Iterable[str]) -> HeadstartError:
    """An error for a name that is not one of ``choices``, with the nearest ones first.

    More choices than a person reads are not all listed: none beside near ones, else the first twenty.

    >>> print(unknown("scheme", "impulze", ["default", "impulse", "mimetic"]))
    unknown scheme 'impulze': did you mean 'impulse'? Known: default, impulse, mimetic.
    """
    known = sorted(choices)
    near = difflib.get_close_matches(str(name), known, n=3, cutoff=0.6)
    hint = f" did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
    listed = f"Known: {', '.join(known)}."
    if len(known) > _READ:
        first = f"Known: {', '.join(known[:_SHOWN])} and {len(known) - _SHOWN} more."
        listed = f"{len(known)} are known." if near else first
    return HeadstartError(f"unknown {kind} {name!r}:{hint} {listed}")
