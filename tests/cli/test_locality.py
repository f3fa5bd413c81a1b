"""Watching heads, permuting patches and looking at what moved, as typed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from headstart.cli import app

SMALL = ["limit=200", "width=24", "depth=1", "heads=3", "passes=1"]


def typed(*words: str) -> list[str]:
    return [*words, *(part for setting in SMALL for part in ("--set", setting))]


def test_a_run_is_watched_permuted_and_inspected(tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = CliRunner().invoke(app, typed("train", "digits", "--watch", "--permute-patches", "--out", str(out)))
    assert done.exit_code == 0, done.output
    assert json.loads((out / "config.json").read_text())["config"]["permute_patches"] == 0
    assert [json.loads(line)["pass"] for line in (out / "locality.jsonl").read_text().splitlines()] == [0, 1]
    looked = CliRunner().invoke(app, ["inspect", str(out)])
    assert looked.exit_code == 0, looked.output
    assert "since the start, on 64 validation images" in looked.output and "association by chance" in looked.output


def test_a_watched_comparison_is_drawn(tmp_path: Path) -> None:
    words = typed("compare", "digits", "--init", "default,impulse", "--seeds", "1", "--watch", "--out", str(tmp_path))
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "locality.png").exists() and "locality.png" in done.output
    assert "locality" in json.loads((tmp_path / "results.json").read_text())["arms"][0]["runs"][0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--permute-patches", "--set", "permute_size=3"], "divides images of 8×8 pixels"),
        (["--watch", "--together", "2"], "leave --watch or --together out"),
    ],
)
def test_what_does_not_go_together_is_told(tmp_path: Path, words: list[str], message: str) -> None:
    told = CliRunner().invoke(
        app, [*typed("compare", "digits", "--init", "default,mimetic", "--out", str(tmp_path)), *words]
    )
    assert told.exit_code == 1 and message in " ".join(told.output.split())
