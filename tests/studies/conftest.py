"""What the tests of several studies share."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def forbid_training(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and from then on a study that trains anything fails: finished runs have to be counted, not repeated."""

    def again(*_: Any) -> None:
        raise AssertionError("a finished run was trained again")

    return lambda: monkeypatch.setattr("headstart.training.engine._train", again)
