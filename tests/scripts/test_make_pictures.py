"""The README's pictures come from the library and from the committed result files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from headstart.studies.questions import RELEASED


@pytest.fixture(scope="module")
def script(loaded: Callable[[str], ModuleType]) -> ModuleType:
    return loaded("scripts/make_pictures.py")


def test_gains_are_those_of_the_committed_columns(script, tmp_path: Path) -> None:
    results = script.measured()
    assert [answer["name"] for answer in results["answers"]] == list(script.COLUMNS)
    for answer in results["answers"]:
        assert [arm["init"] for arm in answer["arms"]] == ["default", "mimetic", RELEASED, "impulse"]
        assert all(len(arm["test"]) == results["n"] >= 3 for arm in answer["arms"])
    assert script.draw_gains(results, tmp_path / "gains.png").stat().st_size > 10_000


def test_heads_of_three_starts_are_drawn(script, tmp_path: Path) -> None:
    script.draw_heads(tmp_path / "heads.png")
    assert (tmp_path / "heads.png").stat().st_size > 10_000
