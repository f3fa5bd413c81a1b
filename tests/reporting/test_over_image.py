from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure

from headstart.errors import HeadstartError
from headstart.reporting import draw_attention_over


def test_a_patch_is_the_more_opaque_the_more_it_gets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []
    original = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (drawn.append(self), original(self, *a, **k)))
    first, second = torch.zeros(3, 7, 7), torch.full((2, 7, 7), 1 / 7)  # blocks of other numbers of heads
    first[1, 1 + 3, 1:] = torch.tensor([0.0, 0.1, 0.2, 0.3, 0.4, 0.0])
    picture = torch.full((3, 4, 6), 200, dtype=torch.uint8)
    draw_attention_over([first, second], (2, 3), 1, picture, tmp_path / "a.png", query=(1, 0), title="t")
    axes = drawn[0].axes
    assert len(axes) == 6 and axes[1].get_title() == "head 1: 0.40" and not axes[5].images
    grey, laid = axes[1].images
    assert grey.get_array().shape == (4, 6) and float(grey.get_array().max()) < 0.5
    assert laid.get_array()[..., 3].flatten().tolist() == pytest.approx([0, 0.25, 0.5, 0.75, 1, 0])
    assert axes[1].patches[0].get_xy() == (0, 2)
    with pytest.raises(HeadstartError, match=r"query \(2, 0\) lies outside the 2×3 grid of patches; count from 0"):
        draw_attention_over([first], (2, 3), 1, picture, tmp_path / "b.png", query=(2, 0))
