from pathlib import Path
from typing import Any

import pytest

from headstart.reporting.locality import draw_learned, draw_transfer, learned_rows, transfer_rows


def run(error: float) -> dict[str, Any]:
    rows = [
        {"step": step, "error": error, "association": 1.0, "association_itself": 1.0, "mass": 0.5, "cosine": 0.9}
        for step in (0, 10)
    ]
    return {"rows": rows, "best_error": 0.02, "sets": [0, 1, 1, 0], "attention": [[0.25] * 4] * 4}


@pytest.fixture
def learned() -> dict[str, Any]:
    parts = [
        {"task": "four", "learner": name, "runs": [run(0.1), run(0.2)]} for name in ("trained", "left as it began")
    ]
    return {"n": 2, "learned": parts}


@pytest.fixture
def transfer() -> dict[str, Any]:
    parts = [
        {"start": start, "count": count, "runs": [{"error": 0.1, "best_error": 0.05}]}
        for start in ("kept", "from scratch")
        for count in (3, 10)
    ]
    return {"n": 1, "transfer": parts, "config": {"transfer": "four"}}


def test_rows_of_what_was_learned(learned: dict[str, Any]) -> None:
    first, _ = learned_rows(learned)
    assert first["test error, %"] == "15.0 ± 7.1" and first["best possible, %"] == "2.0 ± 0.0"
    assert first["by chance"] == "0.33" and first["n"] == 2


def test_rows_of_the_transfer(transfer: dict[str, Any]) -> None:
    rows = transfer_rows(transfer)
    assert [row["positions"] for row in rows] == ["kept", "from scratch", "best possible"]
    assert rows[0] == {"positions": "kept", "3 samples": "10.0", "10 samples": "10.0", "n": 1}
    assert rows[-1]["10 samples"] == "5.0"


def test_the_pictures_are_written(learned: dict[str, Any], transfer: dict[str, Any], tmp_path: Path) -> None:
    assert draw_learned(learned, tmp_path / "learned.png").stat().st_size > 10_000
    assert draw_transfer(transfer, tmp_path / "transfer.png").stat().st_size > 10_000
