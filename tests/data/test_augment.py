from __future__ import annotations

import pytest
import torch

from headstart.data import augment
from headstart.errors import HeadstartError


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def unique_pixels(batch: int, height: int = 5, width: int = 7, channels: int = 2) -> torch.Tensor:
    """The same image ``batch`` times, no two pixels alike and none of them zero."""
    image = torch.arange(1, channels * height * width + 1, dtype=torch.uint8).view(1, channels, height, width)
    return image.repeat(batch, 1, 1, 1)


def all_crops(image: torch.Tensor, crop: int) -> torch.Tensor:
    """Every shifted copy of one image, by plain slicing: ((2·crop + 1)², C, H, W)."""
    height, width = image.shape[-2:]
    padded = torch.nn.functional.pad(image, (crop,) * 4)
    side = range(2 * crop + 1)
    return torch.stack([padded[:, y : y + height, x : x + width] for y in side for x in side])


def which(outputs: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
    """For each output the number of the one candidate it equals."""
    equal = (outputs[:, None] == candidates[None]).flatten(2).all(2)
    assert (equal.sum(1) == 1).all(), "an output is no candidate, or more than one"
    return equal.int().argmax(1)


def test_every_output_is_a_shifted_copy_and_all_offsets_are_equally_likely() -> None:
    images = unique_pixels(5000)
    found = which(augment(images, seeded(), crop=2), all_crops(images[0], 2)).bincount(minlength=25)
    # 5,000 draws over 25 places: 200 expected, standard deviation 13.9.
    assert found.min() > 200 - 5 * 14
    assert found.max() < 200 + 5 * 14


def test_flip_mirrors_half_of_the_images() -> None:
    images = unique_pixels(2000)
    candidates = torch.stack([images[0], images[0].flip(-1)])
    flipped = which(augment(images, seeded(), flip=True), candidates).sum()
    # Standard deviation 22.4.
    assert 1000 - 112 < flipped < 1000 + 112


def test_crop_and_flip_together_are_independent() -> None:
    images = unique_pixels(5000)
    crops = all_crops(images[0], 1)
    found = which(augment(images, seeded(), crop=1, flip=True), torch.cat([crops, crops.flip(-1)]))
    counts = found.bincount(minlength=18)
    # 5,000 draws over 18: 278 expected, standard deviation 16.2.
    assert (counts - 5000 / 18).abs().max() < 5 * 16.2


def test_each_image_has_its_own_draw() -> None:
    found = which(augment(unique_pixels(64), seeded(), crop=2), all_crops(unique_pixels(1)[0], 2))
    assert len(found.unique()) > 10


def test_images_are_not_mixed() -> None:
    images = torch.arange(1, 201, dtype=torch.uint8).view(200, 1, 1, 1).expand(200, 3, 4, 4).contiguous()
    out = augment(images, seeded(), crop=1, flip=True)
    assert ((out == images) | (out == 0)).all()


def test_the_same_state_gives_the_same_bits() -> None:
    images = unique_pixels(32)
    first, again, other = (augment(images, seeded(s), crop=2, flip=True) for s in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_state_moves_on() -> None:
    images, generator = unique_pixels(32), seeded()
    assert not torch.equal(augment(images, generator, crop=2), augment(images, generator, crop=2))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.bfloat16])
def test_dtype_and_input_are_kept(dtype: torch.dtype) -> None:
    images = unique_pixels(8).to(dtype)
    before = images.clone()
    out = augment(images, seeded(), crop=1, flip=True)
    assert out.dtype == dtype and out.shape == images.shape
    assert torch.equal(images, before)
    assert torch.equal(out.to(torch.uint8), augment(before.to(torch.uint8), seeded(), crop=1, flip=True))


def test_nothing_asked_for_changes_nothing() -> None:
    images = unique_pixels(4)
    assert torch.equal(augment(images, seeded()), images)


def test_augment_says_what_it_expects() -> None:
    with pytest.raises(HeadstartError, match=r"\(batch, channels, height, width\), got \(2, 5, 7\)"):
        augment(unique_pixels(1)[0], seeded(), crop=1)
    with pytest.raises(HeadstartError, match="padding of 0 or more pixels, got -1"):
        augment(unique_pixels(1), seeded(), crop=-1)


@pytest.mark.gpu
def test_a_cpu_generator_gives_the_same_draws_on_a_gpu() -> None:
    images = unique_pixels(64)
    on_gpu = augment(images.cuda(), seeded(), crop=2, flip=True)
    assert torch.equal(on_gpu.cpu(), augment(images, seeded(), crop=2, flip=True))
