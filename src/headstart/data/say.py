"""What a person is told while data is prepared: on stderr, so that a command's output stays its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.progress import Progress, ProgressColumn

__all__ = ["bytes_progress", "count_progress", "tell", "untold"]


_quiet = ContextVar("quiet", default=False)


@contextmanager
def untold() -> Iterator[None]:
    """Within the block :func:`tell` says nothing: the same data will be loaded once more, and it is said then."""
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


def tell(message: str) -> None:
    """One line on stderr."""
    if _quiet.get():
        return
    from rich.console import Console

    Console(stderr=True).print(message, style="yellow", markup=False, highlight=False, soft_wrap=True)


def count_progress() -> Progress:
    """A bar that counts images and vanishes when it is done."""
    from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return _on_a_terminal(columns)


def bytes_progress() -> Progress:
    """A bar that counts bytes, and vanishes when it is done."""
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        "{task.description}",
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    return _on_a_terminal(columns)


def _on_a_terminal(columns: Sequence[str | ProgressColumn]) -> Progress:
    """Elsewhere, in a log say, a bar that vanishes would leave empty lines."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
