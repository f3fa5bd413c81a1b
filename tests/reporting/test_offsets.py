from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure

from headstart.errors import HeadstartError
from headstart.initialization import HeadReport
from headstart.reporting import draw_offsets


def rows(blocks: int, heads: int, passes: int = 4) -> list[dict[str, Any]]:
    return [
        {
            "pass": n,
            "start_mass": [[0.9 - 0.1 * n - 0.01 * b - 0.001 * h for h in range(heads)] for b in range(blocks)],
            "moved": [[float(n > 2) for _ in range(heads)] for _ in range(blocks)],
        }
        for n in range(passes)
    ]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    found: list[Figure] = []
    original = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (found.append(self), original(self, *a, **k)))
    return found


def test_a_line_for_each_head_and_its_offset_by_name(drawn: list[Figure], tmp_path: Path) -> None:
    start = [HeadReport(1, 0, (-1, 0), 0.9, 1.0, torch.empty(0))]
    draw_offsets(rows(2, 3), tmp_path / "a.png", start=start, title="a run")
    mass, _, moved, _ = drawn[0].axes
    assert len(drawn[0].axes) == 4 and mass.get_title() == "block 0"
    assert list(mass.lines[1].get_ydata()) == pytest.approx([0.899, 0.799, 0.699, 0.599])
    assert list(moved.lines[0].get_ydata()) == [0, 0, 0, 1]
    names = [line.get_label() for line in drawn[0].axes[1].lines]
    assert names == ["head 0 (-1, +0)", "head 1", "head 2"]


def test_many_heads_are_thin_lines_and_their_mean(drawn: list[Figure], tmp_path: Path) -> None:
    draw_offsets(rows(8, 12), tmp_path / "a.svg")
    assert len(drawn[0].axes) == 2 * 2 * 6 and len(drawn[0].axes[0].lines) == 13
    assert drawn[0].axes[0].lines[12].get_ydata()[0] == pytest.approx(0.9 - 0.001 * 5.5)
    assert sum(axes.axison for axes in drawn[0].axes) == 2 * 8


def test_one_moment_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match="take two moments or more, got 1: train with --watch"):
        draw_offsets(rows(1, 1, passes=1), tmp_path / "a.png")


def test_moves_as_a_table_of_80_columns() -> None:
    import io

    from rich.console import Console

    from headstart.evaluation.locality import HeadLocality, LocalityReport
    from headstart.reporting.offsets import moved_table

    known = HeadLocality(0, 1, (1, 0), 0.25, (0, -1), 0.125, 0.5, 2**0.5, 1.5, 2.25, 0.375)
    new = HeadLocality(11, 10, (0, 0), 0.25, None, None, None, None, 1.5, 2.25, 0.375)
    stream = io.StringIO()
    Console(file=stream, width=80).print(moved_table(LocalityReport([known, new], None, 1.5, 0.1)))
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    cells = ["0,", "1", "(+0,", "-1)", "0.125", "0.500", "(+1,", "+0)", "1.4", "1.50", "2.25", "0.375"]
    assert lines[-2].split() == cells
    assert lines[-1].split() == ["11,", "10", "–", "–", "–", "(+0,", "+0)", "–", "1.50", "2.25", "0.375"]
