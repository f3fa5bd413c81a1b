from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure

from headstart.errors import HeadstartError
from headstart.initialization import HeadReport, InitReport
from headstart.reporting import draw_before_after


def report(blocks: int, heads: int, offset: tuple[int, int], mass: float) -> InitReport:
    found = []
    for block in range(blocks):
        for head in range(heads):
            profile = torch.zeros(5, 5)
            profile[2 + offset[0], 2 + offset[1]] = mass
            found.append(HeadReport(block, head, offset, mass, 1.0, profile))
    return InitReport("impulse", found, "4 images")


def test_both_sides_share_a_scale_and_the_mark_of_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []
    original = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (drawn.append(self), original(self, *a, **k)))
    path = draw_before_after(report(2, 3, (0, 1), 0.9), report(2, 3, (-1, 0), 0.25), tmp_path / "a.svg", title="a run")
    assert "(-1, +0)  0.25" in path.read_text()
    left, right, _ = drawn[0].axes
    assert (left.get_title(), right.get_title()) == (
        "at the start: target mass 0.90",
        "after training: target mass 0.25",
    )
    for axes in (left, right):
        assert len(axes.patches) == 6
        assert axes.images[0].norm.vmax == pytest.approx(0.9)
    # On both sides around the patch on the right of the middle one, which is looked at on the left side only.
    assert [patch.get_xy() for patch in left.patches] == [patch.get_xy() for patch in right.patches]
    x, y = (round(value + 0.5) for value in left.patches[0].get_xy())
    assert left.images[0].get_array()[y, x] == pytest.approx(0.9)
    assert right.images[0].get_array()[y, x] == 0


def test_other_heads_are_refused(tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match="before and after must be of one model: got 6 and 4 heads"):
        draw_before_after(report(2, 3, (0, 0), 0.5), report(2, 2, (0, 0), 0.5), tmp_path / "a.png")
