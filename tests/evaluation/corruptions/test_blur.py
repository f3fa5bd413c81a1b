import numpy as np
import pytest
import torch
from torch import Tensor

from headstart.evaluation.corruptions.blur import clipped_zoom, defocus_kernel, zoom_blur
from headstart.evaluation.corruptions.draws import Draws

NO_DRAWS = Draws(torch.empty(0, dtype=torch.int64), torch.device("cpu"))


@pytest.mark.parametrize(("radius", "alias", "side"), [(0.3, 0.4, 3), (1.5, 0.1, 5), (6, 0.5, 15), (10, 0.5, 21)])
def test_a_defocused_point_is_a_disk(radius: float, alias: float, side: int) -> None:
    kernel = defocus_kernel(radius, alias)
    assert len(kernel) <= side and len(kernel) % 2 == 1
    assert kernel.sum() == pytest.approx(1, abs=0.02) and kernel.equal(kernel.T) and kernel.equal(kernel.flip(0))


def test_a_defocused_point_by_hand() -> None:
    # Radius 1: five pixels of 1/5; the Gaussian of σ 0.2 has e^-12.5 beside its middle.
    kernel = defocus_kernel(1, 0.2)
    assert kernel[len(kernel) // 2, len(kernel) // 2] == pytest.approx(0.2, abs=1e-5)
    # Radius 0.3: a single pixel, spread by a Gaussian of σ 0.4 whose side weighs e^-3.125 of the middle.
    middle = 1 / (1 + 2 * np.exp(-3.125))
    assert defocus_kernel(0.3, 0.4)[1].tolist() == pytest.approx(
        [middle * (1 - middle) / 2, middle**2, middle * (1 - middle) / 2], abs=1e-6
    )


@pytest.mark.parametrize("factor", [1.0, 1.01, 1.1, 1.25, 2.25])
def test_zooming_is_scipys(factor: float, photos: Tensor) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    image = photos[0].double().numpy()
    crop = int(np.ceil(32 / factor))
    top = (32 - crop) // 2
    large = ndimage.zoom(image[:, top : top + crop, top : top + crop], (1, factor, factor), order=1)
    trim = (large.shape[1] - 32) // 2
    expected = large[:, trim : trim + 32, trim : trim + 32]
    assert np.abs(clipped_zoom(photos[:1].float(), factor)[0].numpy() - expected).max() < 1e-2


def test_zoom_blur_leaves_an_even_image() -> None:
    even = torch.full((1, 3, 9, 12), 0.4)
    assert zoom_blur(even, (1.11, 0.01), NO_DRAWS).allclose(even, atol=1e-6)
