"""What a study is: a question, one function that answers it with a result file and pictures, and its page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.errors import HeadstartError, unknown
from headstart.training.provenance import commit, hardware, versions

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["STUDIES", "Request", "Study", "provenance", "register"]


@dataclass(frozen=True)
class Request:
    """What a person asked of a study.

    Args:
        out: folder of its runs, result file and pictures; the same one again goes on.
        seeds: how many.
        quick: a size that takes seconds and shows that everything works; no number of it means anything.
        settings: ``key=value`` texts, each study's own.
        console: where progress and tables are shown.
    """

    out: Path
    seeds: int
    quick: bool
    settings: tuple[str, ...]
    console: Console

    def options(self, **defaults: Any) -> dict[str, Any]:
        """``settings`` over ``defaults``, each of its default's type (comma-separated for tuples).

        Raises :class:`~headstart.errors.HeadstartError` for a key that the study does not have, and for a value of
        another type.
        """
        chosen = dict(defaults)
        for text in self.settings:
            key, equals, value = text.partition("=")
            if not equals:
                raise HeadstartError(f"--set expects key=value, got {text!r}.")
            if key not in defaults:
                raise unknown("setting of this study", key, defaults)
            chosen[key] = _read(key, value, defaults[key])
        return chosen


def _read(key: str, value: str, default: Any) -> Any:
    if isinstance(default, tuple):
        return tuple(_read(key, part.strip(), default[0]) for part in value.split(","))
    if isinstance(default, bool):
        return value.lower() in ("true", "yes", "1")
    try:
        return type(default)(value)
    except ValueError:
        raise HeadstartError(f"setting {key!r} expects a {type(default).__name__}, got {value!r}.") from None


@dataclass(frozen=True)
class Study:
    """One study.

    Args:
        name: what it is asked for by.
        question: in a sentence.
        time: what its default size takes, and on what.
        run: does it: writes ``results.json`` and pictures into ``request.out`` and returns the results.
    """

    name: str
    question: str
    time: str
    run: Callable[[Request], dict[str, Any]]


STUDIES: dict[str, Study] = {}


def register(study: Study) -> Study:
    """Make a study known by its name."""
    STUDIES[study.name] = study
    return study


def provenance() -> dict[str, Any]:
    """What a result file says of how it was made, beside its command: hardware, versions and commit."""
    return {"hardware": hardware(), "versions": versions(), "commit": commit()}
