import math

import pytest
import torch
from torch import Tensor

from headstart.evaluation.corruptions.motion import smear


@pytest.mark.parametrize(
    ("degrees", "down", "right"), [(0, 0, 1), (90, 1, 0), (-90, -1, 0), (45, 1, 1), (-135, -1, -1)]
)
def test_a_point_is_smeared_one_way(degrees: float, down: int, right: int) -> None:
    image = torch.zeros(1, 1, 21, 21)
    image[0, 0, 10, 10] = 1.0
    out = smear(image, 3, 1.0, torch.tensor([float(degrees)]))[0, 0]
    weights = [math.exp(-(i**2) / 2) for i in range(7)]
    # Diagonal steps are of √2 pixels, so ⌈i/√2 − 1/2⌉ gives some places two weights.
    straight = abs(down) + abs(right) == 1
    far = [i if straight else math.ceil(i / math.sqrt(2) - 0.5) for i in range(7)]
    for place in range(4):
        expected = sum(weight for weight, at in zip(weights, far, strict=True) if at == place) / sum(weights)
        # What the path passes is gathered, so the point shows up on the other side of it.
        got = float(out[10 - down * place, 10 - right * place])
        assert got == pytest.approx(expected, abs=1 / 255 + 1e-6)
    assert out.count_nonzero() <= 5


def test_each_image_has_its_direction_and_borders_repeat(photos: Tensor) -> None:
    images = photos[:2].float() / 255
    both = smear(images, 8, 2.0, torch.tensor([10.0, -70.0]))
    assert both[1:].equal(smear(images[1:], 8, 2.0, torch.tensor([-70.0])))
    even = torch.full((1, 3, 6, 9), 100 / 255)
    assert ((smear(even, 20, 15.0, torch.tensor([33.0])) * 255).round() - 100).abs().max() <= 1
