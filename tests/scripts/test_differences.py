"""What the pages say of two starts that no table sets beside each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture(scope="module")
def script(loaded: Callable[[str], ModuleType]) -> ModuleType:
    return loaded("scripts/differences.py")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two recipes, each with its own reference, as a study writes them."""

    def arm(init: str, changes: list[str], test: list[float]) -> dict:
        return {"init": init, "changes": changes, "test": test}

    arms = [
        arm("impulse", [], [0.5, 0.5]),
        arm("mimetic", [], [0.4, 0.4]),
        arm("impulse", ["heads=12"], [0.6, 0.7]),
        arm("mimetic", ["heads=12"], [0.3, 0.4]),
        arm("default", ["heads=12"], [0.1, 0.1]),
    ]
    path = tmp_path / "made.json"
    path.write_text(json.dumps({"arms": arms}))
    return path


def test_each_recipe_is_a_setting_and_all_stand_together(script, file: Path) -> None:
    first, second, together = script.told(script.pairs(["impulse"], ["mimetic"], file))
    assert first == "+10.0 [+10.0, +10.0]  n = 2  made impulse − mimetic"
    assert second == "+30.0 [+30.0, +30.0]  n = 2  made heads=12 impulse − mimetic"
    # Student's for two means: 20 ± 12.706 · 10.
    assert together == "+20.0 [−107.1, +147.1]  of 2 settings, 2 of them ahead"


def test_one_setting_is_not_put_together(script, file: Path) -> None:
    (line,) = script.told(script.pairs(["mimetic"], ["default"], file))
    assert line.endswith("made heads=12 mimetic − default")


def test_files_of_compare_are_read_too(script) -> None:
    (line,) = script.told(script.pairs(["impulse"], ["default"], RESULTS / "cifar10-gpu.json"))
    assert line == "+0.3 [−0.4, +1.1]  n = 3  cifar10-gpu impulse − default"


def test_starts_that_a_file_lacks_are_named(script, file: Path) -> None:
    with pytest.raises(SystemExit, match=r"made\.json has no recipe with impulse and released; its starts are impulse"):
        list(script.pairs(["impulse"], ["released"], file))


def test_tables_of_several_columns_are_read_too(script) -> None:
    found = list(script.pairs(["impulse:control=scrambled"], ["impulse"], RESULTS / "starts" / "controls.json"))
    assert len(found) == 2 and [len(ours) for _, ours, _ in found] == [5, 5]


@pytest.mark.parametrize("content", [None, "{", "[]", "{}"])
def test_what_is_no_result_file_is_refused(script, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "notes.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SystemExit, match=r"notes\.json is no result file of a study or of `headstart compare`"):
        list(script.pairs(["impulse"], ["default"], path))
