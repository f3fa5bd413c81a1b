"""``import headstart`` stays light: heavy libraries come in only where they are used."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("accelerate", "matplotlib", "timm", "torchvision", "transformers", "typer")


def test_import_brings_in_no_heavy_library() -> None:
    code = f"import sys, headstart; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
