"""Where a command speaks: its answer, what it tells beside it, and one JSON object for machines.

=========  ======================  =======================
           answer                  progress and notes
=========  ======================  =======================
           stdout, as text         stdout
--json     stdout, as JSON         stderr
--quiet    stdout                  nowhere
=========  ======================  =======================

Errors go to stderr always.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console

from headstart.leading import leading

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["answer", "asked_for_json", "console", "listing", "print_json", "show_paths", "speaking"]


@dataclass(frozen=True)
class _Manner:
    json: bool = False
    quiet: bool = False
    stdout: TextIO | None = None  # where the JSON goes


_USUAL = _Manner()
_manner: ContextVar[_Manner] = ContextVar("manner", default=_USUAL)


@contextmanager
def speaking(as_json: bool, quiet: bool) -> Iterator[None]:
    """Within the block a command speaks as asked; with ``as_json`` whatever else is printed goes to stderr."""
    with ExitStack() as stack:
        token = _manner.set(_Manner(as_json, quiet, sys.stdout))
        stack.callback(_manner.reset, token)
        if as_json:
            # Libraries print too, and would break the document.
            stack.enter_context(redirect_stdout(sys.stderr))
        if quiet:
            from headstart.data.say import untold

            stack.enter_context(untold())
        yield


def console() -> Console:
    """For progress and notes."""
    return Console(quiet=not leading() or _manner.get().quiet)


def answer() -> Console:
    """For what was asked: a table, a number, the files that were to be made."""
    return Console(quiet=not leading() or _manner.get().json)


def asked_for_json() -> bool:
    """Whether ``--json`` was given."""
    return _manner.get().json


def print_json(document: dict[str, Any]) -> None:
    """The document as one JSON object on stdout, when ``--json`` was given; a number that is none becomes null."""
    manner = _manner.get()
    if manner.json and leading():
        assert manner.stdout is not None
        # Letters of all kinds where they can be written, else as JSON's own escapes.
        escaped = (getattr(manner.stdout, "encoding", None) or "utf-8").lower().replace("-", "") != "utf8"
        manner.stdout.write(json.dumps(_plain(document), indent=1, ensure_ascii=escaped) + "\n")
        manner.stdout.flush()


def listing(entries: Iterable[tuple[str, str, str]]) -> Table:
    """Names, beside each what it is, and perhaps a line more in another style: for things that need words."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, what, more in entries:
        table.add_row(Text(name, "bold"), Text(what))
        if more:
            table.add_row("", Text(more, "cyan"))
    return table


def show_paths(console: Console, paths: Sequence[Path | None]) -> list[str]:
    """A line for each file that is there; returns them, for a document."""
    there = [path for path in paths if path is not None and path.exists()]
    for path in there:
        console.print(f"  {path}", style="cyan", markup=False, highlight=False, soft_wrap=True)
    return [str(path) for path in there]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
