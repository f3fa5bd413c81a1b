import io
import json
import sys
from pathlib import Path

import pytest

from headstart.cli import speaking as spoken
from headstart.cli.speaking import answer, console, print_json, show_paths, speaking
from headstart.data.say import tell


def say_all() -> None:
    console().print("a note")
    answer().print("the answer")
    tell("of the data")
    print("a library's own words")
    print_json({"share": float("nan"), "place": Path("here"), "numbers": (1, 2.5)})


def test_text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    with speaking(False, False):
        say_all()
    out, err = capsys.readouterr()
    assert out.splitlines() == ["a note", "the answer", "a library's own words"]
    assert err == "of the data\n"


def test_json_is_alone_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with speaking(True, False):
        say_all()
    out, err = capsys.readouterr()
    assert json.loads(out) == {"share": None, "place": "here", "numbers": [1, 2.5]}
    assert err.splitlines() == ["a note", "of the data", "a library's own words"]
    assert not spoken.asked_for_json()


def test_json_is_read_the_same_whatever_letters_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    for encoding, written in (("utf-8", "Äpfel"), ("ascii", "\\u00c4pfel")):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr(sys, "stdout", stream)
        with speaking(True, False):
            print_json({"class": "Äpfel"})
        stream.seek(0)
        text = stream.read()
        assert written in text and json.loads(text) == {"class": "Äpfel"}


def test_quiet_leaves_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    with speaking(False, True):
        say_all()
    out, err = capsys.readouterr()
    assert out.splitlines() == ["the answer", "a library's own words"] and err == ""
    with speaking(True, True):
        console().print("a note")
        print_json({})
    assert capsys.readouterr() == ("{}\n", "")


def test_only_the_first_process_speaks(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    with speaking(True, False):
        console().print("a note")
        print_json({})
    assert capsys.readouterr() == ("", "")


def test_paths_are_named_where_there_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = tmp_path / "there.png"
    there.touch()
    assert show_paths(answer(), [there, None, tmp_path / "not.png"]) == [str(there)]
    assert capsys.readouterr().out == f"  {there}\n"
    assert sys.stdout is not None
