from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure

from headstart.errors import HeadstartError
from headstart.reporting import draw_positions, position_similarity


def test_similarities_by_hand() -> None:
    table = torch.tensor([[3.0, 0.0], [0.0, 1.0], [-2.0, 0.0], [1.0, 1.0], [0.0, 0.0], [5.0, 5.0]])
    found = position_similarity(table, (2, 3))
    assert found.shape == (2, 3, 2, 3)
    assert found[0, 0, 0].tolist() == [1.0, 0.0, -1.0]
    assert found[1, 0, 1, 2] == pytest.approx(1.0) and found[1, 0, 0, 0] == pytest.approx(0.5**0.5)
    assert (found[1, 1] == 0).all()  # an embedding that is zero is like none
    with pytest.raises(HeadstartError, match=r"expected position embeddings \(6, D\) of a grid of 2×3 .* got \(7, 2\)"):
        position_similarity(torch.zeros(7, 2), (2, 3))


def test_a_map_for_each_position_beside_those_of_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []
    original = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (drawn.append(self), original(self, *a, **k)))
    table = torch.eye(12)
    draw_positions(table, (3, 4), tmp_path / "a.png", before=torch.ones(12, 2), title="a run")
    start, end, _ = drawn[0].axes
    assert (start.get_title(), end.get_title()) == ("at the start", "after training")
    cells = end.images[0].get_array()
    assert cells.shape == (3 * 4 - 1, 4 * 5 - 1)
    assert cells.count() == 12 * 12 and cells.sum() == pytest.approx(12)
    assert start.images[0].get_array().sum() == pytest.approx(144)
    assert cells[4 + 1, 2 * 5 + 2] == pytest.approx(1)  # of position (1, 2), itself
    draw_positions(torch.rand(17 * 20, 8), (17, 20), tmp_path / "large.svg")
    assert [label.get_text() for label in drawn[1].axes[0].get_xticklabels()] == [str(x) for x in range(0, 20, 2)]
