"""A run that takes a second: 200 digits, 16 tokens, one block of width 24."""

from __future__ import annotations

import pytest

from headstart.training import Recipe


@pytest.fixture
def tiny() -> Recipe:
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
