"""How studies are asked for: by name, with settings of their own."""

import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from headstart.cli import app
from headstart.errors import HeadstartError
from headstart.studies import STUDIES, Request, Study
from headstart.studies.study import register, shown


def request(*settings: str) -> Request:
    return Request(Path("out"), 3, False, settings, Console(quiet=True))


def test_settings_are_of_their_defaults_kinds() -> None:
    found = request("passes=3", "arms=a, b", "sizes=1,2", "plain=yes", "lr=1e-3").options(
        passes=1, arms=("x",), sizes=(8,), plain=False, lr=0.1, left=2
    )
    assert found == {"passes": 3, "arms": ("a", "b"), "sizes": (1, 2), "plain": True, "lr": 1e-3, "left": 2}


@pytest.mark.parametrize("wanted", [True, False])
def test_yes_and_no_in_all_their_words(wanted: bool) -> None:
    for word in ("true", "yes", "on", "1", "True") if wanted else ("false", "no", "off", "0", "OFF"):
        assert request(f"flip={word}").options(flip=not wanted) == {"flip": wanted}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("pases=3", "unknown setting of this study 'pases': did you mean 'passes'"),
        ("passes=many", "setting 'passes' expects a whole number, got 'many'"),
        ("passes", "--set expects key=value, got 'passes'"),
        ("flip=onn", "setting 'flip' expects true or false, got 'onn'"),
    ],
)
def test_what_a_study_does_not_have_is_told(setting: str, message: str) -> None:
    with pytest.raises(HeadstartError, match=message):
        request(setting).options(passes=1, flip=True)


def test_studies_are_listed_run_and_missed(tmp_path: Path) -> None:
    def run(asked: Request) -> dict[str, object]:
        asked.out.mkdir(parents=True)
        (asked.out / "results.json").write_text("{}")
        return {"seeds": asked.each_seed, "command": asked.command("toy")}

    register(Study("toy", "Does it toy?", "a moment", run))
    try:
        listed = CliRunner().invoke(app, ["study"]).output
        assert "toy" in listed and "Does it toy?" in listed
        done = CliRunner().invoke(app, ["study", "toy", "--out", str(tmp_path / "toy")])
        assert done.exit_code == 0 and "results.json" in done.output
        words = ["study", "toy", "--seeds", "2", "--seed", "3", "--out", str(tmp_path / "more"), "--json"]
        told = json.loads(CliRunner().invoke(app, words).stdout)["results"]
        assert told == {"seeds": [3, 4], "command": "headstart study toy --seeds 2 --seed 3"}
        missed = CliRunner().invoke(app, ["study", "toi"])
        assert missed.exit_code == 1 and "unknown study 'toi': did you mean 'toy'" in missed.output
    finally:
        del STUDIES["toy"]


def test_the_terminal_has_no_marks_of_markdown() -> None:
    table = shown([{"model": "`default`", "n": 3, "left": 1}], {"left"})
    assert table.header == ["model", "n"] and table.rows == [["default", "3"]]
