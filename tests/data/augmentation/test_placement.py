from __future__ import annotations

import pytest
import torch
from PIL import Image

from headstart.data import Augmentation
from headstart.data.augmentation.placement import draw_boxes, resize


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def augmented(augmentation: Augmentation, images: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return augmentation.apply(images, augmentation.draw(len(images), tuple(images.shape[1:]), seeded(seed)))


def unique_pixels(batch: int, height: int = 5, width: int = 7, channels: int = 3) -> torch.Tensor:
    """The same image ``batch`` times, no two pixels alike and none of them zero."""
    image = torch.arange(1, channels * height * width + 1, dtype=torch.uint8).view(1, channels, height, width)
    return image.repeat(batch, 1, 1, 1)


def all_crops(image: torch.Tensor, crop: int, fill: tuple[int, ...] = (0, 0, 0)) -> torch.Tensor:
    """Every shifted copy of one image, by plain slicing: ((2·crop + 1)², C, H, W)."""
    height, width = image.shape[-2:]
    padded = torch.tensor(fill, dtype=torch.uint8)[:, None, None].repeat(1, height + 2 * crop, width + 2 * crop)
    padded[:, crop : crop + height, crop : crop + width] = image
    side = range(2 * crop + 1)
    return torch.stack([padded[:, y : y + height, x : x + width] for y in side for x in side])


def which(outputs: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
    """For each output the number of the one candidate it equals."""
    equal = (outputs[:, None] == candidates[None]).flatten(2).all(2)
    assert (equal.sum(1) == 1).all(), "an output is no candidate, or more than one"
    return equal.int().argmax(1)


@pytest.mark.parametrize("fill", [(), (9,), (200, 100, 50)])
def test_every_output_is_a_shifted_copy_and_all_offsets_are_equally_likely(fill: tuple[int, ...]) -> None:
    images = unique_pixels(5000)
    candidates = all_crops(images[0], 2, {0: (0, 0, 0), 1: fill * 3, 3: fill}[len(fill)])
    found = which(augmented(Augmentation(crop=2, fill=fill), images), candidates).bincount(minlength=25)
    # 5,000 draws over 25 places: 200 expected, standard deviation 13.9.
    assert found.min() > 200 - 5 * 14
    assert found.max() < 200 + 5 * 14


def test_flip_mirrors_half_of_the_images() -> None:
    images = unique_pixels(2000)
    candidates = torch.stack([images[0], images[0].flip(-1)])
    flipped = which(augmented(Augmentation(flip=True), images), candidates).sum()
    # Standard deviation 22.4.
    assert 1000 - 112 < flipped < 1000 + 112


def test_crop_and_flip_together_are_independent() -> None:
    images = unique_pixels(5000)
    crops = all_crops(images[0], 1)
    found = which(augmented(Augmentation(crop=1, flip=True), images), torch.cat([crops, crops.flip(-1)]))
    counts = found.bincount(minlength=18)
    # 5,000 draws over 18: 278 expected, standard deviation 16.2.
    assert (counts - 5000 / 18).abs().max() < 5 * 16.2


def test_images_are_not_mixed() -> None:
    images = torch.arange(1, 201, dtype=torch.uint8).view(200, 1, 1, 1).expand(200, 3, 4, 4).contiguous()
    out = augmented(Augmentation(crop=1, flip=True), images)
    assert ((out == images) | (out == 0)).all()


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 24, 40), (3, 57, 33), (3, 8, 8)])
@pytest.mark.parametrize("mirrored", [False, True])
def test_resized_boxes_equal_pillows(shape: tuple[int, int, int], mirrored: bool) -> None:
    channels, height, width = shape
    images = torch.randint(256, (200, *shape), dtype=torch.uint8, generator=seeded())
    boxes = draw_boxes(200, (height, width), 0.08, seeded(1))
    boxes[0] = torch.tensor([0, 0, height, width])
    boxes[1] = torch.tensor([height - 1, width - 1, 1, 1])
    out = resize(images, boxes.int(), torch.full((200, 1), int(mirrored)) if mirrored else None)
    for image, box, ours in zip(images, boxes.tolist(), out, strict=True):
        top, left, tall, wide = box
        picture = Image.fromarray(image.permute(1, 2, 0).squeeze(-1).numpy())
        picture = picture.crop((left, top, left + wide, top + tall)).resize((width, height), Image.Resampling.BILINEAR)
        if mirrored:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        theirs = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).view(height, width, channels)
        assert torch.equal(ours, theirs.permute(2, 0, 1))


def test_boxes_are_drawn_as_torchvisions() -> None:
    from torchvision.transforms import RandomResizedCrop

    boxes = draw_boxes(4000, (32, 48), 0.3, seeded()).double()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        image = torch.zeros(1, 32, 48)
        theirs = [RandomResizedCrop.get_params(image, [0.3, 1.0], [3 / 4, 4 / 3]) for _ in range(4000)]
    reference = torch.tensor(theirs, dtype=torch.float64)
    # Two samples of 4,000: means within 5 standard errors, deviations within 10 %.
    error = (boxes.var(0) / 4000 + reference.var(0) / 4000).sqrt()
    assert ((boxes.mean(0) - reference.mean(0)).abs() < 5 * error).all()
    assert torch.allclose(boxes.std(0), reference.std(0), rtol=0.1)


@pytest.mark.parametrize(("size", "middle"), [((10, 100), (0, 43, 10, 13)), ((100, 10), (43, 0, 13, 10))])
def test_where_no_box_fits_it_is_the_middle(size: tuple[int, int], middle: tuple[int, ...]) -> None:
    # 90 % of the area at a ratio of 4/3 is always higher or wider than such a strip.
    assert (draw_boxes(5, size, 0.9, seeded()) == torch.tensor(middle)).all()
