"""The verification study: its groups, what it fuses, and all of it at a size of seconds."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from headstart.errors import HeadstartError
from headstart.evaluation.verification import Entry
from headstart.reporting import markdown_table
from headstart.studies import STUDIES, Request
from headstart.studies.verification import fusions, groups, settings
from headstart.studies.verification_rows import cells


def request(out: Path, *words: str, seeds: int = 2) -> Request:
    return Request(out, seeds, True, words, Console(quiet=True))


def test_it_runs_and_goes_on(tmp_path: Path) -> None:
    asked = request(tmp_path)
    found = STUDIES["verification"].run(asked)
    assert found["identities"] == {
        "seen": ["0", "1", "2", "3"], "development": ["4", "5", "6"], "test": ["7", "8", "9"]
    }  # fmt: skip
    assert [row["features"] for row in found["rows"]] == [
        "pixels", "default", "default@convmixer", "default, untrained", "default@convmixer, untrained",
        "default + default@convmixer", "two seeds of default", "two seeds of default@convmixer",
    ]  # fmt: skip
    assert [row["n"] for row in found["rows"]] == [1, 2, 2, 2, 2, 2, 1, 1]
    assert found["rows"][0]["FRR at 0.1 % FAR, %"] == "cannot be told"
    assert all(row["eer"] != found["arms"][1]["eer"] for row in found["arms"][2:])
    assert json.loads((tmp_path / "results.json").read_text()) == json.loads(json.dumps(found))
    assert (tmp_path / "det.png").exists() and (tmp_path / "layers.png").exists()
    assert "| default + default@convmixer | – | – | – |" in markdown_table(found)
    run = tmp_path / "runs" / "default" / "seed-0" / "model.safetensors"
    made = run.stat().st_mtime_ns
    assert STUDIES["verification"].run(asked)["arms"] == found["arms"] and run.stat().st_mtime_ns == made
    with pytest.raises(HeadstartError, match=r"holds a run of another config: classes \(0-3 there, 0-2 asked\)"):
        STUDIES["verification"].run(request(tmp_path, "seen=0-2"))


def test_groups_have_nobody_in_common(tmp_path: Path) -> None:
    chosen = settings(request(tmp_path, "development=3-6"))[1]
    with pytest.raises(HeadstartError, match="identity '3' is in seen and in development"):
        groups(chosen)


def test_each_seed_meets_the_next_one() -> None:
    entries = {
        arm: [Entry(f"{arm}{k}", "0", "mean", "cosine", (), None, torch.zeros(1)) for k in range(3)] for arm in "ab"
    }
    found = {
        name: [(one.name, other.name) for one, other in pairs] for name, pairs in fusions(entries, "ab", 3).items()
    }
    assert found == {
        "a + b": [("a0", "b0"), ("a1", "b1"), ("a2", "b2")],
        "two seeds of a": [("a0", "a1"), ("a1", "a2"), ("a2", "a0")],
        "two seeds of b": [("b0", "b1"), ("b1", "b2"), ("b2", "b0")],
    }
    assert list(fusions(entries, "ab", 1)) == ["a + b"]


def test_cells_say_means_and_what_cannot_be_told() -> None:
    row = {
        "name": "a + b", "eer": [0.2, 0.3], "n": 2, "difference": -0.02, "interval": (-0.05, 0.01),
        "frr_at_far": {"0.01": [0.5, 0.7], "0.001": [None, 0.9]},
    }  # fmt: skip
    assert list(cells(row).values()) == [
        "a + b", "–", "–", "–", "25.0 ± 7.1", "60.0 ± 14.1", "cannot be told", 2, "−2.0 [−5.0, +1.0]"
    ]  # fmt: skip


def test_the_command_names_no_place(tmp_path: Path) -> None:
    asked = replace(request(tmp_path, "dataset=cifar10:/somewhere", "passes=3"), quick=False)
    assert (
        asked.command("verification") == "headstart study verification --seeds 2 --set dataset=cifar10 --set passes=3"
    )
    with pytest.raises(HeadstartError, match="unknown size of this study 'large'"):
        settings(request(tmp_path, "size=large"))
