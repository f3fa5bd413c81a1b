import torch
from torch import Tensor

from headstart.evaluation.corruptions.draws import Draws, image_seeds
from headstart.evaluation.corruptions.glass import _sources, glass_blur

SEEDS = image_seeds(3, torch.Generator().manual_seed(0))
CPU = torch.device("cpu")


def one_by_one(images: Tensor, reach: int, rounds: int) -> Tensor:
    """The released loop: from the last pixel to the first, each takes the value that a near one then has."""
    out = images.clone()
    height, width = images.shape[2:]
    draws = Draws(SEEDS, CPU)
    for _ in range(rounds):
        shift = draws.integers(-reach, reach, 2, height, width)
        for image, moves in zip(out, shift, strict=True):
            for row in range(height - reach, reach, -1):
                for column in range(width - reach, reach, -1):
                    down, right = moves[:, row, column].tolist()
                    image[:, row, column] = image[:, row + down, column + right]
    return out


def test_all_pixels_at_once_are_as_one_after_another(photos: Tensor) -> None:
    images = photos[:3, :, :18, :20].float() / 255
    for reach, rounds in ((1, 1), (1, 2), (2, 1), (3, 2), (4, 2)):
        # σ 0.05 reaches no other pixel: what is left is the displacement.
        out = glass_blur(images, (0.05, reach, rounds), Draws(SEEDS, CPU))
        assert out.allclose(one_by_one(images, reach, rounds), atol=1e-6), (reach, rounds)


def test_margins_stay_where_they_are() -> None:
    source = _sources(12, 10, 2, Draws(SEEDS, CPU), CPU).view(3, 12, 10)
    here = torch.arange(120).view(12, 10)
    assert source[:, :3].equal(here[:3].expand(3, -1, -1)) and source[:, :, :3].equal(here[:, :3].expand(3, -1, -1))
    assert source[:, 11:].equal(here[11:].expand(3, -1, -1)) and not source[:, 3:11].equal(here[3:11].expand(3, -1, -1))
