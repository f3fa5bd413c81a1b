"""What a study is: a question, one function that answers it with a result file and pictures, and its page."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.data import spec_name
from headstart.errors import HeadstartError, unknown
from headstart.reporting.fitted import Fitted
from headstart.training.provenance import commit, hardware, versions

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["STUDIES", "Request", "Study", "provenance", "register", "shown"]

DATASETS = ("dataset", "fashion", "photos")  # settings whose value may name a place
TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
KINDS = {int: "a whole number", float: "a number", str: "a text"}


@dataclass(frozen=True)
class Request:
    """What a person asked of a study.

    Args:
        out: folder of its runs, result file and pictures; the same one again goes on.
        seeds: how many.
        quick: a size that takes seconds and shows that everything works; no number of it means anything.
        settings: ``key=value`` texts, each study's own.
        console: where progress is shown.
        answer: where tables are shown; the console unless given.
        seed: the first one.
    """

    out: Path
    seeds: int
    quick: bool
    settings: tuple[str, ...]
    console: Console
    answer: Console | None = None
    seed: int = 0

    @property
    def each_seed(self) -> list[int]:
        """The seeds, in a row."""
        return list(range(self.seed, self.seed + self.seeds))

    def show(self, table: RenderableType) -> None:
        """Print what the study found."""
        (self.answer or self.console).print(table)

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

    def sized(self, sizes: Mapping[str, dict[str, Any]], **more: Any) -> tuple[str, dict[str, Any]]:
        """The size asked for by ``--set size=``, and its settings (with ``more``) as the request changes them.

        Without one it is ``quick`` for a quick request, else ``small``.

        Raises :class:`~headstart.errors.HeadstartError` for an unknown size, and as :meth:`options` does.
        """
        named = [text.partition("=")[2] for text in self.settings if text.partition("=")[0] == "size"]
        size = named[-1] if named else "quick" if self.quick else "small"
        if size not in sizes:
            raise unknown("size of this study", size, sizes)
        chosen = self.options(size=size, **more, **sizes[size])
        del chosen["size"]
        return size, chosen

    def command(self, name: str) -> str:
        """What was typed for the study of that name, without the place where the data lie."""
        words = ["headstart", "study", name, "--seeds", str(self.seeds)]
        words += ["--seed", str(self.seed)] * (self.seed != 0) + ["--quick"] * self.quick
        for text in self.settings:
            key, _, value = text.partition("=")
            words += ["--set", f"{key}={spec_name(value) if key in DATASETS else value}"]
        return shlex.join(words)


def _read(key: str, value: str, default: Any) -> Any:
    if isinstance(default, tuple):
        return tuple(_read(key, part.strip(), default[0]) for part in value.split(","))
    if isinstance(default, bool):
        if value.lower() not in TRUE + FALSE:
            raise HeadstartError(f"setting {key!r} expects true or false, got {value!r}.")
        return value.lower() in TRUE
    try:
        return type(default)(value)
    except ValueError:
        raise HeadstartError(f"setting {key!r} expects {KINDS[type(default)]}, got {value!r}.") from None


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


def shown(rows: Sequence[Mapping[str, Any]], leave_out: Collection[str] = ()) -> Fitted:
    """The rows as a table for the terminal, without the columns that are left out and the marks that Markdown wants."""
    titles = [title for title in rows[0] if title not in leave_out]
    return Fitted(titles, [[str(row[title]).strip("`") for title in titles] for row in rows])
