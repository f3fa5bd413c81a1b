import numpy as np
import pytest
import torch
from torch import Tensor

from headstart.evaluation.corruptions.draws import Draws, image_seeds
from headstart.evaluation.corruptions.elastic import _affine_places, _places, _sample, elastic_transform

CPU = torch.device("cpu")
SEEDS = image_seeds(2, torch.Generator().manual_seed(0))


def test_nothing_pulled_and_nothing_moved_is_the_image(photos: Tensor) -> None:
    images = photos[:2].float() / 255
    assert elastic_transform(images, (0, 0, 0), Draws(SEEDS, CPU)).allclose(images, atol=1e-4)


def test_three_corners_go_where_they_are_pulled() -> None:
    here = _places(30, 30, CPU)
    places = _affine_places(here, 30, 30, 2.0, Draws(SEEDS, CPU))
    pulled = torch.tensor([[25.0, 25.0], [25.0, 5.0], [5.0, 5.0]]) + Draws(SEEDS, CPU).uniform(-2, 2, 3, 2)
    for image in range(2):
        # The map is affine, so it may be read off three pixels: place = a + b·column + c·row.
        a, b, c = (
            places[image, 0, 0],
            places[image, 0, 1] - places[image, 0, 0],
            places[image, 1, 0] - places[image, 0, 0],
        )
        back = a + pulled[image, :, :1] * b + pulled[image, :, 1:] * c
        assert back.flatten().tolist() == pytest.approx([25, 25, 25, 5, 5, 5], abs=1e-3)


def test_displacements_are_scipys(photos: Tensor) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    image = photos[:1].float()
    shift = 6 * torch.rand(1, 32, 32, 2, generator=torch.Generator().manual_seed(0)) - 3
    out = _sample(image, _places(32, 32, CPU) + shift, align_corners=False)[0].numpy()
    rows, columns = np.meshgrid(np.arange(32), np.arange(32), indexing="ij")
    where = (rows + shift[0, ..., 1].numpy(), columns + shift[0, ..., 0].numpy())
    for channel in range(3):
        expected = ndimage.map_coordinates(image[0, channel].numpy(), where, order=1, mode="reflect")
        assert np.abs(out[channel] - expected).max() < 0.05
