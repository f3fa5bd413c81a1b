import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from headstart.evaluation.corruptions.linear import box_resize, gaussian_blur, gaussian_matrix

ndimage = pytest.importorskip("scipy.ndimage")


@pytest.mark.parametrize("mode", ["nearest", "reflect"])
@pytest.mark.parametrize(("size", "sigma", "truncate"), [(32, 0.4, 4.0), (32, 6.4, 3.0), (8, 6.4, 3.0), (20, 1.5, 4.0)])
def test_a_gaussian_is_scipys(size: int, sigma: float, truncate: float, mode: str) -> None:
    expected = ndimage.gaussian_filter1d(np.eye(size), sigma, axis=0, mode=mode, truncate=truncate)
    assert np.abs(gaussian_matrix(size, sigma, truncate, mode).numpy() - expected).max() < 1e-6


def test_blur_goes_along_both_axes(photos: Tensor) -> None:
    images = photos[:2].float()
    expected = ndimage.gaussian_filter(images.numpy(), (0, 0, 0.7, 0.7), mode="nearest")
    assert np.abs(gaussian_blur(images, 0.7).numpy() - expected).max() < 1e-3
    assert gaussian_blur(images, 0.05) is images


@pytest.mark.parametrize("size", [(30, 30), (20, 20), (27, 20), (32, 8), (13, 57), (64, 64), (1, 1), (16, 27)])
def test_boxes_are_pillows(size: tuple[int, int], photos: Tensor) -> None:
    for image in photos[:3]:
        expected = np.asarray(Image.fromarray(image.permute(1, 2, 0).numpy()).resize(size[::-1], Image.Resampling.BOX))
        differs = np.abs(box_resize(image[None].double(), *size)[0].permute(1, 2, 0).numpy() - expected)
        # The last size is one for which Pillow 13 takes rows first.
        assert differs.max() <= (size == (16, 27)) and differs.mean() < 0.03
    assert torch.equal(box_resize(photos[:1].double(), 32, 32), photos[:1].double())
