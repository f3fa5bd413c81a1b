"""A quick run of the study: everything is written, a second time nothing is trained, and errors are told."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from headstart.errors import HeadstartError
from headstart.reporting import markdown_table
from headstart.studies import STUDIES, Request


def request(out: Path, *settings: str) -> Request:
    return Request(out, 2, True, settings, Console(record=True, width=200))


def test_the_study_runs_and_is_read_again(tmp_path: Path) -> None:
    asked = request(tmp_path)
    results = STUDIES["locality"].run(asked)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"results.json", "transfer.json", "learned.png", "transfer.png", "parts"}
    assert len(results["rows"]) == 7 and "association" in asked.console.export_text()
    transfer = json.loads((tmp_path / "transfer.json").read_text())
    assert [row["positions"] for row in transfer["rows"]][-2:] == [
        "best possible",
        "kept − from scratch [95 % interval]",
    ]
    for found in (results, transfer):
        assert found["command"] == "headstart study locality --seeds 2 --quick" and "| " in markdown_table(found)
    for part in results["learned"]:
        for made in part["runs"]:
            assert made["rows"][0]["step"] == 0 and 0 <= made["best_error"] < 0.2
    frozen = [part for part in results["learned"] if part["learner"] == "left as it began"]
    assert all(run["rows"][0]["mass"] == run["rows"][-1]["mass"] for part in frozen for run in part["runs"])
    again = request(tmp_path)
    assert STUDIES["locality"].run(again)["rows"] == results["rows"]
    assert "transfer · kept" not in again.console.export_text()


def test_settings_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match=r"transfer must be one of: ten patches in pairs; .*got 'pairs'"):
        STUDIES["locality"].run(request(tmp_path, "transfer=pairs"))
    with pytest.raises(HeadstartError, match="must be 1 or more"):
        STUDIES["locality"].run(request(tmp_path, "counts=0,5"))
    STUDIES["locality"].run(request(tmp_path, "steps=2", "counts=3", "transfer_steps=1"))
    with pytest.raises(HeadstartError, match=r"other settings \(steps\); choose another --out"):
        STUDIES["locality"].run(request(tmp_path, "steps=3", "counts=3", "transfer_steps=1"))
