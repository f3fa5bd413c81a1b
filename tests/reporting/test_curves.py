from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from PIL import Image

from headstart.reporting import draw_curves
from headstart.reporting.style import PALETTE


def test_curves_show_mean_and_range_of_each_arm(results: dict[str, Any], tmp_path: Path, monkeypatch: Any) -> None:
    drawn: list[Figure] = []
    original = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (drawn.append(self), original(self, *a, **k)))
    path = draw_curves(results, tmp_path / "curves.png")
    with Image.open(path) as picture:
        assert picture.size == (1120, 672)
    (axes,) = drawn[0].axes
    lines = axes.get_lines()
    assert [line.get_color() for line in lines] == PALETTE[:2]
    assert list(lines[1].get_xdata()) == [1, 2, 3]
    assert abs(lines[1].get_ydata()[-1] - 0.59) < 1e-12
    assert len(axes.collections) == 2  # a band for each arm
    assert [text.get_text() for text in axes.texts] == ["default", "impulse"]
    assert axes.get_title("left") == "digits: validation accuracy, mean and range of 2 seeds"


def test_names_of_equal_ends_do_not_lie_on_each_other(
    results: dict[str, Any], tmp_path: Path, monkeypatch: Any
) -> None:
    results["arms"] = [dict(results["arms"][0], name=f"arm {index}") for index in range(9)]
    drawn: list[Figure] = []
    original = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (drawn.append(self), original(self, *a, **k)))
    draw_curves(results, tmp_path / "curves.png")
    (axes,) = drawn[0].axes
    low, high = axes.get_ylim()
    heights = sorted(text.xy[1] for text in axes.texts)
    assert all(b - a > 0.05 * (high - low) for a, b in pairwise(heights))
    assert heights[-1] <= high + 1e-9
    styles = {(line.get_color(), line.get_linestyle()) for line in axes.get_lines()}
    assert len(styles) == 9


def test_one_pass_of_one_seed_can_be_drawn(results: dict[str, Any], tmp_path: Path) -> None:
    for arm in results["arms"]:
        arm["n"], arm["runs"] = 1, arm["runs"][:1]
        arm["runs"][0]["history"] = arm["runs"][0]["history"][:1]
    assert draw_curves(results, tmp_path / "curves.png").stat().st_size > 10_000


def test_passes_without_validation_are_left_out(
    results: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    length = len(results["arms"][0]["runs"][0]["history"])
    for arm in results["arms"]:
        for run in arm["runs"]:
            run["history"] = [
                {k: v for k, v in row.items() if k != "val_accuracy" or index == length - 1}
                for index, row in enumerate(run["history"])
            ]
    drawn: list[Figure] = []
    original = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (drawn.append(self), original(self, *a, **k)))
    draw_curves(results, tmp_path / "curves.png")
    assert all(list(line.get_xdata()) == [length] for line in drawn[0].axes[0].get_lines())


def test_long_names_go_below_the_plot_from_the_highest_line_to_the_lowest(
    results: dict[str, Any], tmp_path: Path, monkeypatch: Any
) -> None:
    results["arms"][1]["name"] = "impulse:solver=rotation:sharpness=0.5"
    drawn: list[Figure] = []
    original = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (drawn.append(self), original(self, *a, **k)))
    draw_curves(results, tmp_path / "curves.png")
    (axes,), (legend,) = drawn[0].axes, drawn[0].legends
    assert not axes.texts
    assert [text.get_text() for text in legend.get_texts()] == ["impulse:solver=rotation:sharpness=0.5", "default"]
