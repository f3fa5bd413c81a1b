from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from headstart.errors import HeadstartError
from headstart.evaluation.corruptions import corrupt, read_frost
from headstart.evaluation.corruptions.draws import Draws, image_seeds
from headstart.evaluation.corruptions.frost import PHOTOGRAPHS, frost, made_frost

CPU = torch.device("cpu")


def draws(count: int) -> Draws:
    return Draws(image_seeds(count, torch.Generator().manual_seed(0)), CPU)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index, name in enumerate(PHOTOGRAPHS):
        Image.new("RGB", (300, 250), (40 * index, 100, 200)).save(tmp_path / name)
    return tmp_path


def test_made_frost_has_the_colours_and_spread_of_the_photographs() -> None:
    made = 255 * made_frost(32, 32, draws(400))
    assert made.mean((0, 2, 3)).tolist() == pytest.approx([146, 167, 179], abs=6)  # means of the five
    assert made.std((2, 3)).mean() == pytest.approx(14.8, abs=1.5)
    assert made_frost(24, 40, draws(1)).shape == (1, 3, 24, 40)


def test_photographs_are_cut_and_weighed(folder: Path) -> None:
    photographs = read_frost(folder, 0.2)
    assert [tuple(photo.shape) for photo in photographs] == [(3, 50, 60)] * 5
    out = frost(torch.full((20, 3, 32, 32), 0.5), (0.8, 0.5), draws(20), photographs=photographs)
    assert out[:, 1].allclose(torch.tensor(0.8 * 0.5 + 0.5 * 100 / 255), atol=0.02)  # two are JPEGs
    assert len(out[:, 0].mul(1000).round().unique()) == 5  # all five are drawn


def test_the_kind_of_frost_changes_the_image_and_its_place_does_not(folder: Path) -> None:
    images = torch.full((2, 1, 16, 16), 90, dtype=torch.uint8)
    own = corrupt(images, "frost", 3, torch.Generator().manual_seed(0))
    photo = corrupt(images, "frost", 3, torch.Generator().manual_seed(0), frost_photographs=read_frost(folder, 0.2))
    assert not own.equal(photo) and np.ptp(photo[0].numpy()) <= 1


def test_missing_and_small_photographs(folder: Path) -> None:
    with pytest.raises(HeadstartError, match="of 50×60 pixels don't cover images of 64×64"):
        frost(torch.zeros(1, 3, 64, 64), (1, 0.2), draws(1), photographs=read_frost(folder, 0.2))
    (folder / "frost2.png").unlink()
    with pytest.raises(HeadstartError, match=r"found no frost2.png: copy the folder `frost`"):
        read_frost(folder, 1.0)
