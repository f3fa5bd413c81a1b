"""The commands: they parse, call and print. One file for each family of them; importing it registers them."""

from __future__ import annotations

import io
import sys

from headstart.cli import compare as _compare  # noqa: F401
from headstart.cli import data as _data  # noqa: F401
from headstart.cli import evaluate as _evaluate  # noqa: F401
from headstart.cli import export as _export  # noqa: F401
from headstart.cli import init as _init  # noqa: F401
from headstart.cli import inspect as _inspect  # noqa: F401
from headstart.cli import methods as _methods  # noqa: F401
from headstart.cli import predict as _predict  # noqa: F401
from headstart.cli import recipes as _recipes  # noqa: F401
from headstart.cli import report as _report  # noqa: F401
from headstart.cli import runs as _runs  # noqa: F401
from headstart.cli import slim as _slim  # noqa: F401
from headstart.cli import study as _study  # noqa: F401
from headstart.cli import verify as _verify  # noqa: F401
from headstart.cli.common import app

__all__ = ["app", "main"]


def main() -> None:
    """The ``headstart`` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a pipe of an old code page has no ±: a question mark will do
            stream.reconfigure(errors="replace")
    app()
