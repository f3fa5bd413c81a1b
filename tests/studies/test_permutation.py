"""A quick run of the study, which can be cut, and settings that do not fit."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from headstart.errors import HeadstartError
from headstart.reporting import markdown_table
from headstart.studies import STUDIES, Request


def test_the_study_runs_and_is_read_again(tmp_path: Path) -> None:
    console = Console(record=True, width=250)
    request = Request(tmp_path, 2, True, (), console)
    results = STUDIES["permutation"].run(request)
    assert json.loads((tmp_path / "results.json").read_text())["rows"] == results["rows"]
    assert {path.name for path in tmp_path.glob("*.png")} == {
        "permutation.png",
        "heads-stored.png",
        "heads-permuted.png",
    }
    names = [row["model"] for row in results["rows"]]
    assert names == ["`default`", "`impulse`", "`convmixer`"]
    for arm in results["arms"]:
        tests = [[run["test"] for run in arm[order]["runs"]] for order in ("stored", "permuted")]
        assert arm["cost"] == pytest.approx(sum(p - s for s, p in zip(*tests, strict=True)) / 2)
        if arm["beyond_first"] is not None:
            assert arm["beyond_first"] == pytest.approx(arm["cost"] - results["arms"][0]["cost"])
    assert "locality" in results["arms"][1]["permuted"]["runs"][0]
    assert results["command"] == "headstart study permutation --seeds 2 --quick"
    assert "permuted − stored" in console.export_text() and "`impulse`" in markdown_table(results)
    written = (tmp_path / "stored/default/seed-0/result.json").stat().st_mtime_ns
    noted = tmp_path / "stored/default/seed-0/machine.json"
    noted.write_text(json.dumps({**json.loads(noted.read_text()), "commit": "elsewhere"}))
    again = STUDIES["permutation"].run(request)
    assert again["rows"] == results["rows"]
    assert again["commit"] == f"elsewhere, {results['commit'] or 'none'}"
    assert (tmp_path / "stored/default/seed-0/result.json").stat().st_mtime_ns == written


def test_settings_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    for settings, message in (
        (("order=-1",), "order must be 0 or more"),
        (("patch_size=3",), "divides images of 8×8 pixels.*got 3"),
    ):
        with pytest.raises(HeadstartError, match=message):
            STUDIES["permutation"].run(Request(tmp_path, 1, True, settings, Console(quiet=True)))
