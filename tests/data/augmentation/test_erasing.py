from __future__ import annotations

import pytest
import torch

from headstart.data import Augmentation
from headstart.data.augmentation.erasing import draw_erased, noise


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_rectangles_are_drawn_as_torchvisions() -> None:
    from torchvision.transforms import RandomErasing

    drawn = draw_erased(4000, (32, 48), 1.0, seeded()).double()[:, :4]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        image = torch.zeros(1, 32, 48)
        theirs = [RandomErasing.get_params(image, (0.02, 1 / 3), (0.3, 3.3), [0.0])[:4] for _ in range(4000)]
    reference = torch.tensor(theirs, dtype=torch.float64)
    error = (drawn.var(0) / 4000 + reference.var(0) / 4000).sqrt()
    assert ((drawn.mean(0) - reference.mean(0)).abs() < 5 * error).all()
    assert torch.allclose(drawn.std(0), reference.std(0), rtol=0.1)


def test_as_many_are_erased_as_asked_for() -> None:
    erased = (draw_erased(4000, (32, 32), 0.25, seeded())[:, 2] > 0).sum()
    # Standard deviation 27.4.
    assert 1000 - 137 < erased < 1000 + 137


def test_the_rectangle_and_nothing_else_becomes_noise() -> None:
    augmentation = Augmentation(erase=1.0)
    draws = augmentation.draw(50, (2, 12, 9), seeded())
    images = torch.full((50, 2, 12, 9), 100.0)
    out, labels = augmentation.mix(images, torch.zeros(50, dtype=torch.int64), draws, 3)
    assert labels.dtype == torch.int64
    for image, (top, left, height, width, _) in zip(out, draws.integers("erased").tolist(), strict=True):
        erased = image != 100
        assert erased[:, top : top + height, left : left + width].all()
        assert erased.sum() == 2 * height * width
        assert image[erased].abs().max() < 5
    assert (images == 100).all()


def test_noise_is_normal_and_each_pixels_own() -> None:
    drawn = noise(torch.arange(64), (3, 64, 64))
    assert drawn.shape == (64, 3, 64, 64) and drawn.dtype == torch.float32
    flat = drawn.flatten(1).double()
    # 786,432 numbers: standard errors 0.0011 of the mean, 0.0008 of the deviation, 0.0028 and 0.0055 of the moments.
    assert abs(flat.mean()) < 0.005
    assert abs(flat.std() - 1) < 0.004
    assert abs((flat**3).mean()) < 0.014
    assert abs((flat**4).mean() - 3) < 0.03
    # Neither neighbours nor images of neighbouring seeds go together.
    for first, second in ((flat[:, 1:], flat[:, :-1]), (flat[1:], flat[:-1])):
        assert abs((first * second).mean()) < 0.006
    assert abs(torch.corrcoef(flat) - torch.eye(64)).max() < 0.05


def test_noise_does_not_depend_on_the_rows_beside_it() -> None:
    seeds = torch.tensor([3, 2**31 - 1, 0], dtype=torch.int32)
    assert torch.equal(noise(seeds, (3, 5, 7))[1:2], noise(seeds[1:2], (3, 5, 7)))


@pytest.mark.gpu
def test_noise_is_the_same_on_a_gpu() -> None:
    seeds = torch.arange(8, dtype=torch.int32)
    assert torch.allclose(noise(seeds.cuda(), (3, 32, 32)).cpu(), noise(seeds, (3, 32, 32)), atol=1e-4)
