"""A results file as `compare` writes it, with numbers that are easy to check by hand."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def results() -> dict[str, Any]:
    def arm(name: str, tests: list[float], **numbers: Any) -> dict[str, Any]:
        runs = [
            {
                "seed": seed,
                "val": test,
                "test": test,
                "seconds": 30.0,
                "history": [{"pass": p, "val_accuracy": test * p / 3} for p in (1, 2, 3)],
            }
            for seed, test in enumerate(tests)
        ]
        return {"name": name, "scheme": name, "runs": runs, "n": len(tests), **numbers}

    return {
        "command": "headstart compare digits --init default,impulse --seeds 2",
        "config": {"dataset": "digits"},
        "config_hash": "0123456789ab",
        "hardware": {"cpu": "a CPU", "cores": 2, "threads": 2, "gpu": None},
        "commit": "f" * 40,
        "date": "2030-01-02",
        "arms": [
            arm("default", [0.50, 0.52], mean=0.51, sd=0.01414, difference=None, interval=None),
            arm("impulse", [0.60, 0.58], mean=0.59, sd=0.01414, difference=0.08, interval=[-0.1741, 0.3341]),
        ],
    }
