"""Runs that take a second, and what jobs need to find the library."""

from __future__ import annotations

import os
import sys

import pytest

from headstart.training import Recipe


@pytest.fixture
def tiny() -> Recipe:
    """200 digits, 16 tokens, one block of width 24."""
    return Recipe(
        dataset="digits",
        limit=200,
        patch_size=2,
        width=24,
        depth=1,
        heads=3,
        crop=1,
        drop_path=0.2,
        init="default",
        passes=3,
        batch_size=50,
    )


@pytest.fixture
def long(tiny: Recipe) -> Recipe:
    return tiny.override(["passes=20", "batch_size=10"])  # a second or two, so that it can be cut


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of jobs: the library that is tested here, and one thread."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
