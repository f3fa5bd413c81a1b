"""The commands: they parse, call and print. One file for each family of them; importing it registers them."""

from __future__ import annotations

import io
import os
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

# How often PyTorch's threads turn in a loop, between two operations, before they sleep (libgomp, on Linux). Left alone
# they turn so long that a program on one of two cores slows training of digits from 1,588 to 28 images a second, so to
# 487; without such a program it costs almost a fifth (results/busy-core.json).
SPINS = "3000"


def main() -> None:
    """The ``headstart`` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a pipe of an old code page has no ±: a question mark will do
            stream.reconfigure(errors="replace")
    if "OMP_WAIT_POLICY" not in os.environ:  # read once, when PyTorch is imported, which no command has done yet
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    app()
