import json
from pathlib import Path
from typing import Any

import pytest

from headstart.errors import HeadstartError
from headstart.training import Recipe, compare, comparison, gathering, start
from headstart.training.comparison import Plan, plan
from headstart.training.gathering import gather, made_with, note_machine


def test_what_the_runs_were_made_with_is_told_and_not_what_gathers_them(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Plan] = []
    short = tiny.override(["passes=1"])
    results = compare(short, ["default"], [0, 1], tmp_path)
    for name, text in (("gpu", "a GPU"), ("cpu", "a CPU")):
        monkeypatch.setattr(gathering, "hardware", lambda n=name, t=text: {**results["hardware"], n: t})
        assert compare(short, ["default"], [0, 1], tmp_path, runner=seen.append)["hardware"] == results["hardware"]
    monkeypatch.setattr(gathering, "hardware", lambda: {**results["hardware"], "gpu": "a GPU", "cores": 7})
    monkeypatch.setattr(gathering, "commit", lambda: "abc")
    note_machine(tmp_path / "default/seed-1")
    (made,) = gather(seen[0])["arms"]
    mixed = json.loads((tmp_path / "results.json").read_text())
    assert mixed["hardware"] == {
        **results["hardware"],
        "gpu": "none, a GPU",
        "cores": f"{results['hardware']['cores']}, 7",
    }
    assert mixed["commit"] == f"{results['commit'] or 'none'}, abc"
    assert mixed["versions"] == results["versions"]
    assert [run["hardware"]["gpu"] for run in made["runs"]] == [None, "a GPU"]
    # A folder without a note is from before there were notes: it counts as made here.
    (tmp_path / "default/seed-1/machine.json").unlink()
    assert gather(seen[0])["hardware"]["gpu"] == "none, a GPU"


def test_the_commit_is_that_of_the_start_and_of_every_part_of_a_cut_run(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = comparison.train

    def noted(*given: Any, **more: Any) -> dict[str, Any]:
        asked.append("train")
        return real(*given, **more)

    monkeypatch.setattr(comparison, "commit", lambda: asked.append("commit"))
    monkeypatch.setattr(comparison, "train", noted)
    monkeypatch.setattr(start, "commit", lambda: "began-at")
    monkeypatch.setattr(gathering, "commit", lambda: "ended-at")
    results = compare(tiny.override(["passes=1"]), ["default"], [0, 1], tmp_path)
    assert asked == ["commit", "train"] * 2
    assert results["commit"] == "began-at, ended-at"
    assert made_with([tmp_path / "default/seed-0"])["commit"] == "began-at, ended-at"


def test_a_run_that_is_missing_is_named(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match=r"there is no result\.json in .*default/seed-0"):
        gather(plan(tiny, ["default"], [0], tmp_path))
