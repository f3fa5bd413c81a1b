"""``import headstart`` stays light: heavy libraries come in only where they are used."""

from __future__ import annotations

import subprocess
import sys

import headstart

HEAVY = ("accelerate", "matplotlib", "timm", "torchvision", "transformers", "typer")


def test_import_brings_in_no_heavy_library() -> None:
    used = "import sys, headstart; headstart.init_, headstart.create_vit"
    code = f"{used}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


def test_rooms_are_attributes_of_the_package() -> None:
    code = "import headstart; headstart.models.edgevit.create_edgevit, headstart.attention.target_mass"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert {"models", "studies", "init_"} <= set(dir(headstart))
