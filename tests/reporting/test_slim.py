"""The table and the picture of slim students, from a result file made up here."""

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from headstart.reporting.slim import draw_slim, slim_markdown, slim_table


@pytest.fixture
def results() -> dict[str, Any]:
    def row(**changes: Any) -> dict[str, Any]:
        usual = {"parameters": 451000, "flops": 14_600_000, "images_per_second": 1234.5, "times": 1.0, "equal": 0.5}
        return {**usual, **changes}

    def arm(name: str, tests: list[float], **changes: Any) -> dict[str, Any]:
        mean, runs = sum(tests) / len(tests), [{"seed": n, "val": t, "test": t} for n, t in enumerate(tests)]
        return {
            "name": name,
            "tokens": [8, 4],
            "mean": mean,
            "sd": 0.01,
            "n": len(tests),
            "runs": runs,
            **row(**changes),
        }

    return {
        "command": "headstart slim runs/a --keep 0.5,0.25 --after 1,2 --seeds 2",
        "config": {"dataset": "digits"},
        "config_hash": "abc",
        "hardware": {"gpu": None, "cores": 2},
        "commit": None,
        "date": "2026-01-01",
        "batch_size": 64,
        "teacher": {"seed": 0, "val": 0.99, "test": 0.98, **row()},
        "arms": [
            arm("slim", [0.96, 0.98], difference=None, interval=None, times=2.0, equal=1.0),
            arm("pool", [0.95, 0.97], difference=-0.01, interval=[-0.01, -0.01], times=1.96, equal=0.98),
        ],
    }


def test_the_table_has_the_teacher_first(results: dict[str, Any]) -> None:
    lines = slim_markdown(results).splitlines()
    assert lines[0].count("|") == lines[1].count("|") == lines[2].count("|") == 11
    assert lines[2] == "| teacher | all | 98.0 | 1 | – | 0.451 | 0.0146 | 1,234 | 1.00 | 0.50 |"
    assert lines[3] == "| slim | 8/4 | 97.0 ± 1.0 | 2 | – | 0.451 | 0.0146 | 1,234 | 2.00 | 1.00 |"
    assert "| −1.0 [−1.0, −1.0] |" in lines[4] and "| 1.96 | 0.98 |" in lines[4]
    assert "`headstart slim runs/a --keep 0.5,0.25 --after 1,2 --seeds 2` on 2 CPU cores, 2026-01-01" in lines[-1]
    console = Console(width=200, record=True, quiet=True)
    console.print(slim_table(results))


def test_on_a_narrow_terminal_nothing_is_cut(results: dict[str, Any]) -> None:
    with (console := Console(width=80)).capture() as shown:
        console.print(slim_table(results))
    text = shown.get()
    assert "…" not in text and "97.0 ± 1.0" in text and "teacher" in text and "+" not in text


@pytest.mark.parametrize("arms", [1, 2])
def test_the_picture_is_written(results: dict[str, Any], tmp_path: Path, arms: int) -> None:
    results["arms"] = results["arms"][:arms]
    path = draw_slim(results, tmp_path / "slim.png")
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
