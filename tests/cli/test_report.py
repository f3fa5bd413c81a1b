import json
import re
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from headstart.cli import app
from headstart.cli import report as command

QUICK = ["--set", "width=24", "--set", "depth=1", "--set", "patch_size=2", "--set", "passes=1"]
QUICK += ["--set", "batch_size=50", "--limit", "200"]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "120"})


def test_train_writes_the_page_and_report_writes_it_again(tmp_path: Path) -> None:
    result = call("train", "digits", "--init", "impulse", "--out", tmp_path / "run", *QUICK)
    assert result.exit_code == 0, result.output
    assert str(tmp_path / "run/report.html") in result.output
    page = (tmp_path / "run/report.html").read_text()
    accuracy = json.loads((tmp_path / "run/result.json").read_text())["test_accuracy"]
    assert f'data-value="{accuracy!r}"' in page and "not noted" not in page
    data = re.search(r'id="data">(.*?)</script>', page)
    assert data is not None
    (arm,) = json.loads(data[1])["arms"]
    assert [moment["name"] for moment in arm["moments"]] == ["head start", "trained, pass 1"]

    result = call("report", tmp_path / "run", "--out", tmp_path / "new/page.html")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "new/page.html").read_text() == page


def test_compare_writes_the_page_and_an_arm_without_heads_says_so(tmp_path: Path) -> None:
    result = call("compare", "digits", "--init", "default@edgevit_xxs,impulse", "--seeds", 1, "--out", tmp_path, *QUICK)
    assert result.exit_code == 0, result.output
    assert str(tmp_path / "report.html") in result.output
    page = (tmp_path / "report.html").read_text()
    assert "default@edgevit_xxs: There is no explorer: EdgeViT has no attention heads that can be seen." in page
    data = re.search(r'id="data">(.*?)</script>', page)
    assert data is not None and [arm["name"] for arm in json.loads(data[1])["arms"]] == ["impulse, seed 0"]


def test_a_page_that_fails_loses_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Path) -> Path:
        raise ValueError("no ink")

    monkeypatch.setattr(command, "write_report", fail)
    result = call("train", "digits", "--out", tmp_path / "a run", *QUICK)
    assert result.exit_code == 0, result.output
    assert f"report '{tmp_path / 'a run'}'" in result.output  # to be copied
    assert (
        "the report page was not written (ValueError: no ink); all else is. Try again: headstart report"
        in result.output
    )
    assert (tmp_path / "a run/result.json").exists()


def test_an_arm_that_is_gone_is_told_by_its_numbers(tmp_path: Path) -> None:
    assert (
        call("compare", "digits", "--init", "default,mimetic", "--seeds", 1, "--out", tmp_path, *QUICK).exit_code == 0
    )
    (tmp_path / "mimetic/seed-0/config.json").unlink()
    result = call("report", tmp_path)
    assert result.exit_code == 0, result.output
    page = (tmp_path / "report.html").read_text()
    assert "mimetic was not opened: there is no config.json" in page


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    result = call("report", tmp_path / "nowhere")
    assert result.exit_code == 1
    assert "there is no run folder" in result.output
