"""What all commands share: the app, how a command is made, and errors as one message with an exit code."""

from __future__ import annotations

import errno
import functools
import inspect
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, ParamSpec

import typer
from rich.console import Console

from headstart.cli.screen import Overview, Screen
from headstart.cli.speaking import speaking
from headstart.errors import HeadstartError
from headstart.leading import leading

__all__ = ["UsageError", "app", "command", "group"]

EXAMPLES = """
headstart demo
headstart train photos/
headstart compare cifar10 --init default,mimetic,impulse --seeds 5
headstart inspect runs/cifar10-impulse
headstart predict runs/cifar10-impulse photo.jpg
"""

P = ParamSpec("P")

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, the rest on stderr.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only the result and errors.")]


class UsageError(HeadstartError):
    """The command line asks for what does not go together, or can't be read."""


class Terminated(KeyboardInterrupt):
    """SIGTERM, where nothing has to be finished first; training takes the signal over while it is under way."""

    exit_code = 128 + signal.SIGTERM


def group(help_: str, examples: str, **settings: Any) -> typer.Typer:
    """A group of commands that shows what it has when it is called alone."""
    made = typer.Typer(
        cls=Overview,
        help=help_,
        epilog=examples,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # errors as plain lines too: a frame folds them, and breaks paths that are copied
        **settings,
    )

    @made.callback(invoke_without_command=True)
    def alone(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            typer.echo(context.get_help())

    return made


def _show_version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        try:
            number = metadata.version("headstart")
        except metadata.PackageNotFoundError:
            number = "(run from source)"
        typer.echo(f"headstart {number}")
        raise typer.Exit


app = group("Give every attention head a head start: vision transformers that train well on small datasets.", EXAMPLES)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def command(
    example: str, *, into: typer.Typer = app, name: str | None = None
) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Make a function a command of ``headstart`` with ``--json``, ``--quiet`` and errors as one message.

    Args:
        example: the first line of its help, a command that works.
        into: the group that it belongs to.
        name: where it is not the function's.

    The docstring's first sentence, before a colon or semicolon even, is what lists of commands show.
    """

    def register(function: Callable[P, None]) -> Callable[P, None]:
        told = inspect.getdoc(function) or ""
        into.command(name, cls=Screen, help=told, short_help=_first(told), epilog=example)(_run(function))
        return function

    return register


def _first(text: str) -> str:
    """The first clause of a docstring, which fits a line beside a name."""
    sentence = " ".join(text.split("\n\n")[0].split())
    return sentence.split(": ")[0].split("; ")[0].rstrip(".") + "."


def _run(function: Callable[P, None]) -> Callable[..., None]:
    """The function with the two options that all commands have; errors become an exit code and a message on stderr.

    An ``--out`` where nothing can be written is told before the work.
    """
    signature = inspect.signature(function, eval_str=True)

    @functools.wraps(function)
    def run(*args: Any, quiet: bool = False, as_json: bool = False, **kwargs: Any) -> None:
        try:
            with _termination_told(), speaking(as_json, quiet):
                if kwargs.get("out") is not None:
                    option = signature.parameters["out"].annotation.__metadata__[0]
                    if wrong := _in_the_way(kwargs["out"], option.metavar == "FOLDER"):
                        raise HeadstartError(wrong)
                function(*args, **kwargs)
        except HeadstartError as error:
            _complain(f"{_speaker()}Error: {error}", 2 if isinstance(error, UsageError) else 1)
        except OSError as error:
            _complain(f"Error: {_of_files(error)}", 1)
        except ModuleNotFoundError as error:
            if (error.name or "headstart").partition(".")[0] == "headstart":
                raise
            words = "which this needs, is not installed; pip install it, or headstart anew with all it depends on."
            _complain(f"Error: {error.name}, {words}", 1)
        except KeyboardInterrupt as stop:
            # A training that was asked to stop says where it did, and by which signal; other work just ends.
            words = str(stop) or "Stopped. What is finished is kept: the same command goes on from there."
            _complain(words, getattr(stop, "exit_code", 130), "yellow")

    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
        for name, kind in (("as_json", Json), ("quiet", Quiet))
    ]
    parameters = [*signature.parameters.values(), *shared]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def _complain(words: str, code: int, style: str = "red") -> None:
    Console(stderr=True).print(words, style=style, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code) from None


def _in_the_way(out: Path, folder: bool) -> str | None:
    """What a person can do where ``out`` can't become a folder, or a file, for what is there; None where it can."""
    for place in (out, *out.parents) if folder else out.parents:
        if place.is_file():
            return f"{place} is a file, and a folder is wanted; name another."
    if not folder and out.is_dir():
        return f"{out} is a folder, and a file is wanted; name one, in it perhaps."
    return None


def _of_files(error: OSError) -> str:
    """What a person can do about a file or a disk; any other error is raised again, with its traceback."""
    place = error.filename or error
    if error.errno == errno.ENOSPC:
        return f"the disk is full ({place}); make room and run the same command again."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{place} may not be read or written ({error.strerror}); name another place, or change who may."
    if isinstance(error, (NotADirectoryError, FileExistsError)) and (wrong := _in_the_way(Path(str(place)), True)):
        return wrong
    raise error


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


def _speaker() -> str:
    # Under torchrun an error may be one process's alone; the first needs no name.
    return "" if leading() else f"[process {os.environ['RANK']}] "
