from pathlib import Path
from typing import Any

from headstart.reporting.permutation import draw_permutation, permutation_rows


def cell(tests: list[float], over: float | None = None) -> dict[str, Any]:
    return {
        "mean": sum(tests) / len(tests),
        "sd": 0.01,
        "n": len(tests),
        "over_first": over,
        "interval": None if over is None else [over - 0.01, over + 0.01],
        "runs": [{"test": test} for test in tests],
    }


def results() -> dict[str, Any]:
    return {
        "config": {"dataset": "cifar10"},
        "n": 2,
        "arms": [
            {
                "name": "default", "stored": cell([0.3, 0.32]), "permuted": cell([0.3, 0.31]),
                "cost": -0.005, "cost_interval": None, "beyond_first": None, "beyond_interval": None,
            },
            {
                "name": "default@convmixer:width=8", "stored": cell([0.5, 0.5], 0.19),
                "permuted": cell([0.3, 0.4], 0.045),
                "cost": -0.15, "cost_interval": (-0.3, 0.0), "beyond_first": -0.145, "beyond_interval": (-0.2, -0.1),
            },
        ],
    }  # fmt: skip


def test_cells_are_percent_and_points() -> None:
    first, second = permutation_rows(results())
    assert first["model"] == "`default`" and first["permuted − stored [95 % interval]"] == "−0.5"
    assert first["beyond default"] == first["over default, permuted"] == "–"
    assert second["model"] == "`convmixer`" and second["as stored, %"] == "50.0 ± 1.0"
    assert second["permuted − stored [95 % interval]"] == "−15.0 [−30.0, +0.0]"
    assert second["over default, as stored"] == "+19.0 [+18.0, +20.0]"


def test_the_picture_is_written(tmp_path: Path) -> None:
    assert draw_permutation(results(), tmp_path / "permutation.png").stat().st_size > 10_000
