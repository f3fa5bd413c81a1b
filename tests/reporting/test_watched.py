from pathlib import Path
from typing import Any

import pytest

from headstart.reporting.watched import draw_watched


def watched(blocks: int, heads: int) -> list[dict[str, Any]]:
    """Rows of a run: every measure is pass + block + head / 10."""
    return [
        {"pass": n}
        | {
            name: [[n + b + h / 10 for h in range(heads)] for b in range(blocks)]
            for name in ("start_mass", "distance", "entropy")
        }
        for n in range(3)
    ]


def test_arms_that_were_watched_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.figure import Figure

    drawn: list[Figure] = []
    original = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (drawn.append(self), original(self, *a, **k))[1])
    results = {
        "config": {"dataset": "digits", "permute_patches": 0},
        "arms": [
            {"name": "impulse", "runs": [{"locality": watched(2, 3)}, {"locality": watched(2, 3)}]},
            {"name": "default@edgevit_xxs", "runs": [{}, {}]},
        ],
    }
    assert draw_watched(results, tmp_path / "locality.png") == tmp_path / "locality.png"
    (figure,) = drawn
    assert len(figure.axes) == 3 and figure.axes[0].get_title() == "impulse"
    lines = figure.axes[0].get_lines()
    assert [line.get_label() for line in lines] == ["block 0", "block 1"]
    assert list(lines[1].get_ydata()) == pytest.approx([1.1, 2.1, 3.1])
    assert figure.get_suptitle().startswith("digits, patches permuted: ")


def test_nothing_is_drawn_where_nothing_was_watched(tmp_path: Path) -> None:
    results = {"config": {"dataset": "digits"}, "arms": [{"name": "default", "runs": [{}]}]}
    assert draw_watched(results, tmp_path / "locality.png") is None
    assert not (tmp_path / "locality.png").exists()
