import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from headstart.cli import app
from headstart.cli.screen import GROUPS

LONG = ("compare", "evaluate", "export", "slim", "train")  # more options than 24 lines have room for


def commands(command: Any, *names: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield names, command
    for name, one in getattr(command, "commands", {}).items():
        yield from commands(one, *names, name)


EVERY = dict(commands(get_command(app)))


def accepted(line: str) -> None:
    """Whether the parser takes a command line; it raises otherwise."""
    program, *words = shlex.split(line)
    assert program == "headstart"
    command: Any = EVERY[()]
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    command.make_context("headstart", words)


@pytest.mark.parametrize("names", EVERY, ids=" ".join)
def test_every_help_fits_a_screen_and_begins_with_an_example_that_works(names: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*names, "--help"], env={"COLUMNS": "80"}, prog_name="headstart")
    assert shown.exit_code == 0
    lines = shown.output.splitlines()
    assert len(lines) <= (24 if names and names[0] not in LONG else 40)
    assert max(map(len, lines)) <= 80
    usage = next(index for index, line in enumerate(lines) if line.startswith("Example: "))
    assert lines[0].startswith(f"Usage: {' '.join(['headstart', *names])} ")
    assert all(line.startswith(("Usage: ", "   ")) for line in lines[:usage])
    example = lines[usage].removeprefix("Example: ")
    assert example.startswith(" ".join(["headstart", *names]))
    accepted(example)


def test_alone_it_says_what_can_be_done_and_how() -> None:
    shown = CliRunner().invoke(app, [], env={"COLUMNS": "80"})
    assert shown.exit_code == 0 and shown.stderr == ""
    assert shown.output == CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).output
    for line in ("headstart demo", "headstart train photos/", "headstart predict runs/cifar10-impulse photo.jpg"):
        assert line in shown.output
        accepted(line)
    assert "Exit codes: 0 fine, 1 an error, 2 wrong" in shown.output
    data = CliRunner().invoke(app, ["data"])
    assert data.exit_code == 0 and "Draw a contact sheet" in data.output


def test_every_command_is_in_a_group_in_one_line() -> None:
    named = [name for group in GROUPS.values() for name in group]
    assert sorted(named) == sorted(EVERY[()].commands)
    assert max(len(line) for group in GROUPS.values() for line in group.values()) <= 66


def test_every_command_speaks_json_and_can_be_quiet() -> None:
    for names, command in EVERY.items():
        if not hasattr(command, "commands"):
            options = {name for one in command.params for name in one.opts}
            assert {"--json", "--quiet", "-q"} <= options, names


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["trian", "digits"], "No such command 'trian'. Did you mean 'train'?"),
        (["data", "lst"], "No such command 'lst'. Did you mean 'list'?"),
        (["train", "digits", "--sede", "3"], "--seed"),
        (["train"], "Missing argument 'DATASET'"),
        (["compare", "digits", "--seeds", "three"], "Invalid value for '--seeds'"),
    ],
)
def test_wrong_usage_is_told_with_what_was_meant(words: list[str], told: str) -> None:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2 and result.stdout == ""
    assert told in result.stderr and "Try '" in result.stderr


def test_a_pipe_of_few_letters_gets_question_marks() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    words = [sys.executable, "-m", "headstart", "data", "info", "digits"]
    run = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    assert "8?8, grey" in run.stdout


def test_help_imports_no_torch() -> None:
    code = (
        "import sys; from headstart.cli import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('torch', 'numpy', 'matplotlib') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"
    assert "\x1b" not in run.stdout
