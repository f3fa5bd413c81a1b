import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console

from headstart.reporting.corruptions import (
    corruption_tables,
    draw_corruptions,
    heading,
    kept_rows,
    kind_rows,
    lost_rows,
    of_what,
)


def value(
    mean: float, sd: float | None = None, difference: float | None = None, interval: Any = None
) -> dict[str, Any]:
    return {"mean": mean, "sd": sd, "difference": difference, "interval": interval}


def arm(name: str, corrupted: dict[str, Any], gap: dict[str, Any]) -> dict[str, Any]:
    measures: dict[str, Any] = {"clean_accuracy": value(0.9, 0.01), "corruption_accuracy": corrupted, "gap": gap}
    measures["corruption_error"] = value(1 - corrupted["mean"], corrupted["sd"])
    measures |= {"clean_ece": value(0.05), "corruption_ece": value(0.15), "mce": None, "relative_mce": None}
    by_corruption = {"fog": value(0.6, 0.02), "snow": value(0.5, 0.03)}
    cells = {"fog": [0.7, 0.5], "snow": [0.55, 0.45]}
    return {"name": name, "n": 2, "seeds": [0, 1], "measures": measures, "by_corruption": by_corruption, "cells": cells}


@pytest.fixture
def summary() -> dict[str, Any]:
    return {
        "suite": "cifar-c",
        "source": "generated",
        "frost": "made",
        "images": 2000,
        "pixels": [32, 32],
        "severities": [1, 5],
        "corruptions": ["fog", "snow"],
        "arms": [
            arm("default", value(0.55, 0.02), value(0.35, 0.02)),
            arm("impulse", value(0.62, 0.01, 0.07, [0.01, 0.13]), value(0.28, 0.01, -0.07, [-0.2, 0.06])),
        ],
    }


def test_arms_are_rows(summary: dict[str, Any]) -> None:
    assert kept_rows(summary)[1][1] == ["impulse", "90.0 ± 1.0", "62.0 ± 1.0", "+7.0 [+1.0, +13.0]", "2"]
    header, rows = lost_rows(summary)
    assert rows[1] == ["impulse", "38.0 ± 1.0", "28.0 ± 1.0", "−7.0 [−20.0, +6.0]", "5.0", "15.0"]
    assert not any("mCE" in title for title in header)
    assert kind_rows(summary)[1][0] == ["fog", "60.0 ± 2.0", "60.0 ± 2.0"]
    assert of_what(summary) == (
        "2,000 test images of 32×32, 2 corruptions, generated with the parameters of CIFAR-C; not the published files."
    )


def test_one_arm_shows_every_severity(summary: dict[str, Any]) -> None:
    summary |= {"arms": summary["arms"][:1], "source": "published", "frost": "published", "suite": "imagenet-c"}
    summary["arms"][0]["measures"] |= {"mce": value(0.7), "relative_mce": value(0.9)}
    header, rows = kind_rows(summary)
    assert header == ["accuracy, %", "severity 1", "severity 5", "mean"]
    assert rows[1] == ["snow", "55.0", "45.0", "50.0 ± 3.0"]
    header, rows = lost_rows(summary)
    assert header[-2:] == ["mCE, %", "relative mCE, %"] and rows[0][-2:] == ["70.0", "90.0"]
    assert not any("difference" in title for title in header)
    assert of_what(summary).endswith("the published ImageNet-C files.")


def test_a_picture_by_itself_tells_generated_from_published(summary: dict[str, Any]) -> None:
    assert heading(summary) == "2,000 test images of 32×32, generated as for CIFAR-C"
    summary |= {"source": "published", "suite": "imagenet-c", "pixels": [224, 224]}
    assert heading(summary) == "2,000 test images of 224×224, published ImageNet-C files"


def test_made_frost_is_told(summary: dict[str, Any]) -> None:
    summary["corruptions"] = ["frost"]
    assert "frost made up" in of_what(summary)
    summary["frost"] = "photographs"
    assert "frost from the published photographs" in of_what(summary)


def test_the_terminal_has_the_same_cells(summary: dict[str, Any]) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    for table in corruption_tables(summary):
        console.print(table)
    text = console.export_text()
    assert "+7.0 [+1.0, +13.0]" in text and "60.0 ± 2.0" in text


def test_a_panel_for_each_arm(summary: dict[str, Any], tmp_path: Path) -> None:
    one = draw_corruptions({**summary, "arms": summary["arms"][:1]}, tmp_path / "one.png")
    two = draw_corruptions(summary, tmp_path / "deep" / "two.png", "a title")
    with Image.open(one) as small, Image.open(two) as large:
        assert large.width > small.width and large.height == small.height
