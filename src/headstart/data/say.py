"""What a person is told while data is prepared: on stderr, so that a command's output stays its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["bytes_progress", "count_progress", "tell"]


def tell(message: str) -> None:
    """One line on stderr."""
    from rich.console import Console

    Console(stderr=True).print(message, style="yellow", markup=False, highlight=False, soft_wrap=True)


def count_progress() -> Progress:
    """A bar that counts images and vanishes when it is done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def bytes_progress() -> Progress:
    """A bar that counts bytes, and vanishes when it is done."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        "{task.description}",
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)
