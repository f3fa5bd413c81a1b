import colorsys

import pytest
import torch
from torch import Tensor

from headstart.evaluation.corruptions.draws import Draws, image_seeds
from headstart.evaluation.corruptions.weather import brightness, fog, plasma, snow

CPU = torch.device("cpu")


def draws(count: int) -> Draws:
    return Draws(image_seeds(count, torch.Generator().manual_seed(0)), CPU)


def test_clouds_are_as_the_released_code_makes_them() -> None:
    # Means of 1,000 maps of the released code at 32 pixels, decay 3: mean 0.495, sd inside a map 0.147, between 0.096,
    # difference of neighbours 0.0203.
    clouds = plasma(32, 3, draws(300))
    assert clouds.amin((1, 2)).eq(0).all() and clouds.amax((1, 2)).eq(1).all()
    assert clouds.mean() == pytest.approx(0.495, abs=0.03)
    assert clouds.std((1, 2)).mean() == pytest.approx(0.147, abs=0.01)
    assert clouds.mean((1, 2)).std() == pytest.approx(0.096, abs=0.02)
    assert clouds.diff(dim=1).abs().mean() == pytest.approx(0.0203, abs=0.001)


def test_a_square_of_clouds_by_hand() -> None:
    class Nothing(Draws):
        def uniform(self, low: float, high: float, *shape: int) -> Tensor:
            drawn = torch.zeros(1, *shape)
            drawn[0, 2, 2] = 1.0  # the middle alone
            return drawn

    # Middle 1; each edge's middle has it twice beside the corner, 1/2; each small square's middle between corner, edges
    # and middle (0 + 1/2 + 1/2 + 1) / 4, and so on.
    clouds = plasma(4, 2, Nothing(torch.empty(0, dtype=torch.int64), CPU))[0]
    assert clouds[2, 2] == 1 and clouds[0, 0] == 0
    assert clouds[0, 2] == clouds[2, 0] == 0.5 and clouds[1, 1] == 0.5
    assert clouds[1, 2] == pytest.approx((0.5 + 1 + 0.5 + 0.5) / 4)


def test_fog_keeps_the_largest_value(photos: Tensor) -> None:
    images = photos[:4].float() / 255
    foggy = fog(images, (1.5, 2), draws(4))
    assert (foggy <= images.amax((1, 2, 3), keepdim=True) + 1e-6).all()
    assert fog(torch.zeros(1, 3, 5, 5), (1, 2), draws(1)).eq(0).all()


def test_brightness_is_of_the_value_in_hsv(photos: Tensor) -> None:
    images = photos[:1].float() / 255
    out = brightness(images, 0.3, draws(1))[0].flatten(1).T.tolist()
    for before, after in zip(images[0].flatten(1).T.tolist()[::37], out[::37], strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*before)
        assert after == pytest.approx(colorsys.hsv_to_rgb(hue, saturation, min(value + 0.3, 1)), abs=1e-5)
    assert brightness(torch.zeros(1, 3, 1, 1), 0.3, draws(1)).flatten().tolist() == pytest.approx([0.3] * 3)


def test_snow_lies_on_both_ends_alike() -> None:
    parameters = (0.1, 0.3, 3, 0.5, 10, 4, 0.8)
    flakes = snow(torch.zeros(2, 1, 64, 64), parameters, draws(2)) - (1 - 0.8) * 0.5
    assert flakes.allclose(flakes.flip(-2, -1), atol=1e-6) and 0.01 < flakes.mean() < 0.5
