"""Waiting for what jobs write, and what they leave."""

import time
from collections.abc import Callable
from pathlib import Path


def weights(run: Path) -> bytes:
    return (run / "model.safetensors").read_bytes()


def wait_for(there: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
