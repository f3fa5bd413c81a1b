"""Arms of two result files stand in one table only where shared runs are the same to the bit."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script(loaded: Callable[[str], ModuleType]) -> ModuleType:
    return loaded("scripts/join_results.py")


@pytest.fixture
def whole() -> dict:
    """A committed table of four starts, the last of them the reference."""
    return json.loads((ROOT / "results" / "starts" / "quarter.json").read_text())


@pytest.fixture
def parts(script, whole: dict) -> tuple[dict, dict]:
    """The same, as if one start had been measured apart, beside the reference again."""
    kept, more = copy.deepcopy(whole), copy.deepcopy(whole)
    del kept["arms"][1]
    more["arms"] = [more["arms"][1], more["arms"][3]]
    for part in (kept, more):
        part["rows"] = script.table_rows(part["arms"])
        part["command"] = script._command(whole["command"], [arm["init"] for arm in part["arms"]])
    more["commit"], more["date"] = "f" * 40, "2099-01-01"
    return kept, more


def test_the_new_arm_stands_before_the_last(script, whole, parts):
    joined = script.join(*parts)
    order = [0, 2, 1, 3]
    assert joined["arms"] == [whole["arms"][place] for place in order]
    assert joined["rows"] == [whole["rows"][place] for place in order]
    starts = ",".join(whole["arms"][place]["init"] for place in order)
    assert f"--set starts={starts}" in joined["command"]
    assert joined["commit"] == f"{whole['commit']}, {'f' * 40}"
    assert joined["date"] == "2099-01-01"
    assert joined.keys() == whole.keys()


@pytest.mark.parametrize("key", ["test", "val", "train", "curves"])
def test_runs_that_are_not_reproduced_are_refused(script, parts, key):
    kept, more = parts
    more["arms"][1][key] = [0.5, *more["arms"][1][key][1:]]
    with pytest.raises(SystemExit, match=f"{key} of impulse is not reproduced: .* and \\[0.5"):
        script.join(kept, more)


@pytest.mark.parametrize(
    ("key", "other"), [("seeds", [0, 1]), ("hardware", {"cpu": "another"}), ("configs", {}), ("versions", {})]
)
def test_another_experiment_is_refused(script, parts, key, other):
    kept, more = parts
    with pytest.raises(SystemExit, match=f"{key} differs, so the files cannot be joined"):
        script.join(kept, {**more, key: other})


def test_an_arm_of_both_files_is_asked_for(script, parts):
    kept, more = parts
    with pytest.raises(SystemExit, match="share no arm, which would prove that runs are reproduced"):
        script.join(kept, {**more, "arms": more["arms"][:1]})


def test_another_reference_is_refused(script, parts):
    kept, more = parts
    more["arms"][0]["beside"] = {**more["arms"][0]["beside"], "init": "conditioned"}
    with pytest.raises(SystemExit, match="mimetic stands beside conditioned, which is not in the first file"):
        script.join(kept, more)
