"""``headstart slim`` from a trained teacher to the table and the picture."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from headstart.cli import app
from headstart.training import Recipe, load_run, slim_results, slimming, train


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "100"})


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "teacher"
    small = {"patch_size": 2, "width": 24, "depth": 2, "heads": 3, "passes": 1, "batch_size": 50}
    train(Recipe(dataset="digits", limit=100, init="default", **small), folder)
    return folder


def test_a_teacher_is_slimmed(teacher: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(*_: Any) -> list[float]:
        return [0.5]

    monkeypatch.setattr(slimming, "as_fast_as", half)
    monkeypatch.setattr(slim_results, "SECONDS", 0.1)
    result = call("slim", teacher, "--keep", "0.25", "--against", "topk", "--set", "lr=1e-4")
    assert result.exit_code == 0, result.output
    out = teacher.parent / "teacher-slim"
    lines = [line.split() for line in result.output.splitlines()]
    assert [line[:2] for line in lines if line[:1] in (["teacher"], ["slim"], ["topk"])] == [
        ["teacher", "all"],
        ["slim", "4"],
        ["topk", "8"],
    ]
    for name in ("slim/seed-0/model.safetensors", "results.json", "slim.png", "report.html"):
        assert (out / name).exists() and str(out / name) in result.output
    run = load_run(out / "slim/seed-0")
    assert run.recipe.lr == 1e-4 and run.model.blocks[0].slim.kept == 4
    result = call("inspect", out / "slim/seed-0")
    assert result.exit_code == 1 and "its tokens become fewer behind blocks[0]" in result.output


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["--keep", "half"], "expected numbers with commas between, such as --keep 0.5,0.25, got 'half'", 2),
        (["--after", "1.5"], "such as --after 4,8, got '1.5'", 2),
        (
            ["--keep", "0.5", "--against", "polo"],
            "unknown arm to compare a slim model with 'polo': did you mean 'pool'",
            1,
        ),
        (["--keep", "0.5,0.25"], "names 2 places to slim, and a model of 2 blocks has 1 between them", 1),
    ],
)
def test_mistakes_are_told_in_one_line(
    teacher: Path, tmp_path: Path, arguments: list[str], message: str, code: int
) -> None:
    result = call("slim", teacher, "--out", tmp_path / "out", *arguments)
    assert result.exit_code == code and message in result.output
    assert not (tmp_path / "out").exists()
