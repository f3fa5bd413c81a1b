"""Arms and seeds of two result files stand in one table only where shared runs are the same to the bit."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

STARTS = Path(__file__).parents[2] / "results" / "starts"


@pytest.fixture(scope="module")
def script(loaded: Callable[[str], ModuleType]) -> ModuleType:
    return loaded("scripts/join_results.py")


@pytest.fixture
def whole() -> dict:
    """A committed table of four starts, the last of them the reference."""
    return json.loads((STARTS / "quarter.json").read_text())


@pytest.fixture
def parts(script, whole: dict) -> tuple[dict, dict]:
    """The same, as if one start had been measured apart, beside the reference again."""
    kept, more = copy.deepcopy(whole), copy.deepcopy(whole)
    del kept["arms"][1]
    more["arms"] = [more["arms"][1], more["arms"][3]]
    for part in (kept, more):
        part["rows"] = script.table_rows(part["arms"])
        part["command"] = script._command(whole["command"], [arm["init"] for arm in part["arms"]], whole["seeds"])
    more["commit"], more["date"] = "f" * 40, "2099-01-01"
    return kept, more


def of_seeds(made: dict, places: list[int]) -> dict:
    """The file as if only the seeds at these places had been trained."""
    part = copy.deepcopy(made)
    part["seeds"] = [made["seeds"][place] for place in places]
    part["n"] = len(places)
    for arm in part["arms"]:
        for key in ("test", "val", "train", "curves", "seconds"):
            arm[key] = [arm[key][place] for place in places]
        arm["mean"], arm["sd"], arm["difference"], arm["interval"], arm["n"] = 0, 0, arm["difference"] and 0, None, 0
    return part


def test_the_new_arm_stands_before_the_last(script, whole, parts):
    joined = script.join(*parts)
    order = [0, 2, 1, 3]
    assert json.loads(json.dumps(joined["arms"])) == [whole["arms"][place] for place in order]
    assert joined["rows"] == [whole["rows"][place] for place in order]
    starts = ",".join(whole["arms"][place]["init"] for place in order)
    assert joined["command"].startswith("headstart study starts --seeds 3 --set dataset=cifar10")
    assert f"--set starts={starts} --set columns=quarter" in joined["command"]
    assert joined["commit"] == f"{whole['commit']}, {'f' * 40}"
    assert joined["date"] == "2099-01-01"
    assert joined.keys() == whole.keys()


def test_more_seeds_of_the_arms_of_both(script):
    whole = json.loads((STARTS / "photos-five.json").read_text())
    more = of_seeds(whole, [2, 3, 4])
    kept = of_seeds(whole, [0, 1, 2])
    kept["arms"].insert(0, {**copy.deepcopy(kept["arms"][0]), "init": "of the first file alone"})
    joined = json.loads(json.dumps(script.join(kept, more)))
    assert joined == whole
    assert script._command(joined["command"], ["a", "b"], [2, 3]).startswith(
        "headstart study starts --seeds 2 --seed 2 "
    )


@pytest.mark.parametrize("key", ["test", "val", "train", "curves"])
def test_runs_that_are_not_reproduced_are_refused(script, parts, key):
    kept, more = parts
    more["arms"][1][key] = [0.5, *more["arms"][1][key][1:]]
    with pytest.raises(SystemExit, match=rf"{key} of impulse is not reproduced: .* and \[0.5.*, seeds \[0, 1, 2\]"):
        script.join(kept, more)


@pytest.mark.parametrize(
    ("key", "other"), [("question", "another"), ("hardware", {"cpu": "another"}), ("configs", {}), ("versions", {})]
)
def test_another_experiment_is_refused(script, parts, key, other):
    kept, more = parts
    with pytest.raises(SystemExit, match=f"{key} differs, so the files cannot be joined"):
        script.join(kept, {**more, key: other})


def test_a_run_of_both_files_is_asked_for(script, parts):
    kept, more = parts
    for without in ({**more, "arms": more["arms"][:1]}, {**more, "seeds": [3, 4, 5]}):
        with pytest.raises(SystemExit, match="no run stands in both files, which would prove that runs are reproduced"):
            script.join(kept, without)


def test_another_reference_is_refused(script, parts):
    kept, more = parts
    more["arms"][0]["beside"] = {**more["arms"][0]["beside"], "init": "conditioned"}
    with pytest.raises(SystemExit, match="mimetic stands beside conditioned, which is not among the joined arms"):
        script.join(kept, more)
