from pathlib import Path

import pytest
import torch

from headstart.errors import HeadstartError, UnsupportedModel
from headstart.models.vit import create_vit
from headstart.reporting import Sight, draw_all

NAMES = ["heads-trained", "before-after", "attention", "attention-over-image", "offsets", "positions"]


def vit() -> torch.nn.Module:
    return create_vit(image_size=8, patch_size=2, width=24, depth=2, heads=3, in_channels=1, pool="class").eval()


def sight(model: torch.nn.Module, size: int = 8, channels: int = 1, **more: object) -> Sight:
    pictures = torch.randint(256, (2, channels, size, size), dtype=torch.uint8)
    return Sight(model, pictures / 255, pictures, pictures / 255, title="a run", **more)  # type: ignore[arg-type]


def test_all_that_can_be_drawn_is_in_each_format(tmp_path: Path) -> None:
    row = {"start_mass": [[0.5] * 3] * 2, "moved": [[0.0] * 3] * 2}
    full = sight(vit(), start=vit(), rows=[{"pass": 0, **row}, {"pass": 1, **row}])
    report, drawn = draw_all(full, tmp_path / "new", query=(1, 2), formats=("png", "svg"))
    assert len(report.heads) == 6 and report.scheme == "a run"
    assert [one.name for one in drawn] == NAMES
    assert all(one.reason == "" for one in drawn)
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert names == {f"{name}.{kind}" for name in NAMES for kind in ("png", "svg")}


def test_what_can_not_be_drawn_says_why_and_the_rest_is(tmp_path: Path) -> None:
    drawn = draw_all(sight(vit(), without_start="the weights are gone."), tmp_path)[1]
    told = {one.name: one.reason for one in drawn if not one.paths}
    assert told == {
        "before-after": "the weights are gone.",
        "offsets": "offsets over training take two moments or more, got 0: train with --watch.",
    }


def test_windows_have_no_map_of_the_whole_image_and_no_positions(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.SwinConfig(
        image_size=32, patch_size=4, embed_dim=24, depths=[1, 1], num_heads=[3, 6], window_size=4, num_labels=3
    )
    model = transformers.SwinForImageClassification(config).eval()
    told = {one.name: one.reason for one in draw_all(sight(model, 32, 3), tmp_path)[1] if not one.paths}
    assert "SwinForImageClassification attends in windows, or on a grid that changes" in told["attention"]
    assert told["attention-over-image"] == told["attention"]
    assert told["positions"] == "SwinForImageClassification adds no position embedding to its tokens."


def test_nothing_to_see_and_a_query_outside_are_errors(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel):
        draw_all(sight(torch.nn.Conv2d(1, 1, 1)), tmp_path)
    with pytest.raises(HeadstartError, match=r"query \(4, 0\) lies outside the 4×4 grid of patches; count from 0"):
        draw_all(sight(vit()), tmp_path, query=(4, 0))
    assert not list(tmp_path.iterdir())
