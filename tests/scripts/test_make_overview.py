"""The overview of the shares is what the columns' committed files say."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def script(loaded: Callable[[str], ModuleType]) -> ModuleType:
    return loaded("scripts/make_overview.py")


def test_the_committed_overview_is_that_of_the_committed_columns(script) -> None:
    made = json.loads(json.dumps(script.overview(script.read())))
    assert made == json.loads((script.FOLDER / "overview.json").read_text())
    assert list(made["rows"][0])[1:] == [
        f"cifar10, {share}, n = 3" for share in ("1 %", "5 %", "10 %", "25 %", "50 %", "all")
    ]
    assert [len(answer["rows"]) for answer in made["answers"]] == [4] * 6


def test_a_column_of_another_machine_is_refused(script) -> None:
    files = script.read()
    other = {**files[2], "hardware": {"cpu": "another"}}
    with pytest.raises(SystemExit, match="hardware of tenth and hundredth differ, so they cannot stand in one table"):
        script.overview([*files[:2], other])


def test_a_column_without_a_start_is_refused(script) -> None:
    files = script.read()
    short = {**files[1], "arms": [arm for arm in files[1]["arms"] if arm["init"] != "mimetic"]}
    with pytest.raises(SystemExit, match=r"twentieth lacks mimetic; train it and add it with scripts/join_results\.py"):
        script.overview([files[0], short])
