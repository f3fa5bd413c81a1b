from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from headstart.errors import HeadstartError
from headstart.models.vit import create_vit
from headstart.reporting import draw_attention, inspect_model, save_figure


def test_a_panel_for_each_block_and_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []
    original = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (drawn.append(self), original(self, *a, **k)))
    attention = torch.zeros(2, 3, 7, 7)  # 2 images, 3 heads, 1 prefix token and a grid of 2×3
    attention[:, 1, 1 + 3, 1 + 5] = 0.75  # head 1: patch (1, 0) looks at patch (1, 2)
    pictures = torch.zeros(2, 1, 4, 6, dtype=torch.uint8)
    path = draw_attention([attention] * 4, (2, 3), 1, pictures, tmp_path / "a.png", query=(1, 0), title="t")
    with Image.open(path) as picture:
        assert min(picture.size) > 300
    axes = drawn[0].axes
    assert len(axes) == 2 * (1 + 4 * 3)
    shown = axes[1 + 1].images[0].get_array()
    assert shown.shape == (2, 3)
    assert float(shown[1, 2]) == 0.75
    assert axes[1 + 1].get_title() == "head 1: 0.75"


def test_a_query_outside_the_grid_is_refused(tmp_path: Path) -> None:
    attention, pictures = torch.ones(1, 1, 4, 4), torch.zeros(1, 1, 2, 2, dtype=torch.uint8)
    with pytest.raises(HeadstartError, match=r"query \(2, 0\) lies outside the 2×2 grid of patches; count from 0"):
        draw_attention([attention], (2, 2), 0, pictures, tmp_path / "a.png", query=(2, 0))
    assert not (tmp_path / "a.png").exists()


def test_a_model_is_measured_and_drawn(tmp_path: Path) -> None:
    model = create_vit(image_size=8, patch_size=2, width=24, depth=2, heads=3, in_channels=1, pool="class")
    pictures = torch.randint(256, (2, 1, 8, 8), dtype=torch.uint8)
    report, paths = inspect_model(model, pictures / 255, pictures, tmp_path / "new")
    assert [path.name for path in paths] == ["attention.png", "heads-trained.png"]
    assert all(path.stat().st_size > 5_000 for path in paths)
    assert len(report.heads) == 6


def test_save_figure_makes_the_folder(tmp_path: Path) -> None:
    assert save_figure(Figure(), tmp_path / "a/b.png").exists()
