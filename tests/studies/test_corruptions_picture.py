"""The heat map is drawn, a panel for each reference, with the numbers that it is of."""

from pathlib import Path
from typing import Any

import matplotlib.figure
import pytest

from headstart.studies.corruptions_picture import draw_robustness


def arm(name: str, reference: str | None, gain: float) -> dict[str, Any]:
    cell = {"over_reference": None if reference is None else gain}
    return {
        "name": name,
        "reference": reference,
        "clean": cell,
        "by_corruption": {"fog": cell, "jpeg_compression": cell},
    }


def test_cells_are_points_over_the_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[matplotlib.figure.Figure] = []
    original = matplotlib.figure.Figure.savefig
    monkeypatch.setattr(
        matplotlib.figure.Figure, "savefig", lambda self, *a, **k: (figures.append(self), original(self, *a, **k))
    )
    arms = [
        arm("default", None, 0),
        arm("impulse", "default", 0.05),
        arm("default+fourier", "default", -0.02),
        arm("impulse+fourier", "impulse", 0.013),
    ]
    results = {"arms": arms, "corruptions": ["fog", "jpeg_compression"], "n": 3, "config": {"dataset": "digits"}}
    assert draw_robustness(results, tmp_path / "deep" / "picture.png").stat().st_size > 10_000
    first, second = figures[0].axes
    assert [first.get_title(), second.get_title()] == ["over default alone", "over impulse alone"]
    assert [text.get_text() for text in first.get_xticklabels()] == ["impulse", "fourier"]
    assert [text.get_text() for text in first.get_yticklabels()] == ["clean", "fog", "jpeg compression"]
    assert [text.get_text() for text in first.texts] == ["+5.0", "−2.0"] * 3
    assert [text.get_text() for text in second.texts] == ["+1.3"] * 3
