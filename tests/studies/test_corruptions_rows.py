"""Numbers of an arm and its differences, by hand."""

from typing import Any

import pytest

from headstart.studies.corruptions_rows import compared, row_cells


def seed(clean: float, noise: list[float], fog: list[float]) -> dict[str, Any]:
    error = 1 - (sum(noise) / 2 + sum(fog) / 2) / 2
    return {
        "clean_accuracy": clean,
        "clean_ece": 0.05,
        "accuracy": {"gaussian_noise": noise, "fog": fog},
        "summary": {"corruption_error": error, "gap": clean - 1 + error, "corruption_ece": 0.1},
    }


SUMMARY = {
    "corruptions": ["gaussian_noise", "fog"],
    "arms": [
        {"name": "default", "runs": [seed(0.5, [0.4, 0.2], [0.4, 0.2]), seed(0.6, [0.4, 0.2], [0.5, 0.3])]},
        {"name": "default+a", "runs": [seed(0.5, [0.5, 0.3], [0.4, 0.2]), seed(0.6, [0.5, 0.3], [0.5, 0.3])]},
        {"name": "default+b", "runs": [seed(0.5, [0.6, 0.4], [0.5, 0.3]), seed(0.6, [0.7, 0.5], [0.7, 0.5])]},
    ],
}
TRAINED = {
    name: {"runs": [{"test": test, "seconds": 3.0} for test in tests]}
    for name, tests in (("default", (0.5, 0.6)), ("default+a", (0.4, 0.6)), ("default+b", (0.5, 0.7)))
}


def test_errors_are_compared_seed_by_seed() -> None:
    row = compared("default+b", TRAINED, SUMMARY, "default", "default+a")
    assert row["error"]["mean"] == pytest.approx((0.55 + 0.4) / 2)
    assert row["error"]["over_reference"] == pytest.approx(((0.55 - 0.7) + (0.4 - 0.65)) / 2)
    # Differences −0.15 and −0.25: ± 12.706 · 0.0707 / √2.
    assert row["error"]["over_reference_interval"] == pytest.approx((-0.2 - 0.6353, -0.2 + 0.6353), abs=1e-3)
    assert row["error"]["over_plain"] == pytest.approx(((0.55 - 0.65) + (0.4 - 0.6)) / 2)
    assert row["error_without_noise"]["over_reference"] == pytest.approx(-0.15)
    assert row["by_corruption"]["gaussian_noise"]["over_reference"] == pytest.approx(0.25)
    assert row["clean"]["mean"] == pytest.approx(0.6) and row["clean"]["over_plain"] == pytest.approx(0.1)
    assert row["clean_same"]["mean"] == pytest.approx(0.55) and row["test"] == [0.5, 0.7]


def test_cells_are_percent_and_points() -> None:
    cells = row_cells(compared("default+b", TRAINED, SUMMARY, "default", None))
    assert cells["arm"] == "`default+b`" and cells["mean corruption error, %"] == "47.5 ± 10.6"
    assert cells["error over the initialization alone"] == "−20.0 [−83.5, +43.5]"
    assert cells["error over plain noise"] == "–" and cells["s a run"] == "3"
    alone = {**SUMMARY, "arms": [{"name": "default", "runs": SUMMARY["arms"][0]["runs"][:1]}]}
    single = {"default": {"runs": TRAINED["default"]["runs"][:1]}}
    cells = row_cells(compared("default", single, alone, None, None))
    assert cells["clean accuracy, %"] == "50.0" and cells["over the initialization alone"] == "–"


def test_noise_alone_has_no_rest() -> None:
    arms = [{"name": arm["name"], "runs": [dict(run) for run in arm["runs"]]} for arm in SUMMARY["arms"]]
    for arm in arms:
        for run in arm["runs"]:
            run["accuracy"] = {"gaussian_noise": run["accuracy"]["gaussian_noise"]}
    row = compared("default+a", TRAINED, {"corruptions": ["gaussian_noise"], "arms": arms}, "default", None)
    assert row["error_without_noise"] is None
    assert row_cells(row)["noise corruptions left out: error over the initialization alone"] == "–"
