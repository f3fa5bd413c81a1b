"""What all commands share: the app, errors as one message, paths in one colour."""

from __future__ import annotations

import errno
import functools
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, ParamSpec

import typer
from rich.console import Console

from headstart.errors import HeadstartError

__all__ = ["app", "console", "friendly", "show_paths"]

EXAMPLES = """
Examples:

  headstart demo

  headstart train photos/

  headstart compare cifar10 --init default,mimetic,impulse --seeds 5

  headstart train digits --init impulse:sharpness=0.5 --set passes=30

  headstart inspect runs/digits-impulse
"""

app = typer.Typer(
    help="Give every attention head a head start: vision transformers that train well on small datasets.",
    epilog=EXAMPLES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

P = ParamSpec("P")


class Terminated(KeyboardInterrupt):
    """SIGTERM, where nothing has to be finished first; training takes the signal over while it is under way."""

    exit_code = 128 + signal.SIGTERM


@contextmanager
def _termination_told() -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():  # only that one can be told of signals
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def friendly(command: Callable[P, None]) -> Callable[P, None]:
    """Errors as one red message and exit code 2; Ctrl-C and SIGTERM as a word on how to go on."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        errors = Console(stderr=True)
        try:
            with _termination_told():
                command(*args, **kwargs)
        except HeadstartError as error:
            errors.print(f"{_speaker()}Error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(2) from None
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            words = f"Error: the disk is full ({error.filename or error}); make room and run the same command again."
            errors.print(words, style="red", markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(2) from None
        except KeyboardInterrupt as stop:
            # A training that was asked to stop says where it did, and by which signal; other work just ends.
            words = str(stop) or "Stopped. What is finished is kept: the same command goes on from there."
            errors.print(words, style="yellow", markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(getattr(stop, "exit_code", 130)) from None

    return run


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if version:
        from headstart.training.provenance import versions

        typer.echo(f"headstart {versions()['headstart'] or '(run from source)'}")
        raise typer.Exit


def _speaker() -> str:
    # Under torchrun an error may be one process's alone; the first needs no name.
    rank = os.environ.get("RANK", "0")
    return "" if rank == "0" else f"[process {rank}] "


def console() -> Console:
    """Where a command prints; under torchrun all processes run it, and the first one prints."""
    from headstart.training.processes import leading

    return Console(quiet=not leading())


def show_paths(console: Console, paths: list[Path]) -> None:
    for path in paths:
        if path.exists():
            console.print(f"  {path}", style="cyan", markup=False, highlight=False, soft_wrap=True)
