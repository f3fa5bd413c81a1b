from __future__ import annotations

import pytest
import torch

from headstart.data import Split, augment, batches, load_dataset, normalize
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


def test_normalized_training_images_have_zero_mean_and_unit_deviation() -> None:
    data = load_dataset("digits", val_fraction=0.0)
    out = normalize(data.train.images, data.mean, data.std)
    assert out.dtype == torch.float32
    assert out.mean().item() == pytest.approx(0, abs=1e-4)
    assert out.std().item() == pytest.approx(1, abs=1e-3)


def test_normalize_goes_by_channel() -> None:
    images = torch.full((2, 3, 4, 4), 51, dtype=torch.uint8)
    out = normalize(images, (0.0, 0.1, 0.2), (1.0, 0.5, 0.25))
    assert out[0, :, 0, 0].tolist() == pytest.approx([0.2, 0.2, 0.0], abs=1e-6)


def test_normalize_says_what_it_expects() -> None:
    with pytest.raises(HeadstartError, match=r"expected images as uint8, 0 to 255, got torch\.float32"):
        normalize(torch.zeros(1, 1, 2, 2), [0.5], [0.5])
    with pytest.raises(HeadstartError, match="one mean and one std for each of 3 channels, got 1 and 1"):
        normalize(torch.zeros(1, 3, 2, 2, dtype=torch.uint8), [0.5], [0.5])


def ten() -> Split:
    return Split(torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1), torch.arange(10))


def test_a_pass_shows_every_image_once_with_its_label() -> None:
    seen = list(batches(ten(), 4, generator=seeded(), shuffle=True, drop_last=False))
    assert [len(labels) for _, labels in seen] == [4, 4, 2]
    labels = torch.cat([labels for _, labels in seen])
    assert labels.tolist() != list(range(10)) and sorted(labels.tolist()) == list(range(10))
    assert torch.equal(torch.cat([images for images, _ in seen]).flatten().long(), labels)


def test_drop_last_leaves_out_what_is_not_full() -> None:
    assert [len(y) for _, y in batches(ten(), 4, shuffle=False, drop_last=True)] == [4, 4]


def test_without_shuffle_the_order_is_the_splits_own() -> None:
    labels = torch.cat([y for _, y in batches(ten(), 3, shuffle=False, drop_last=False)])
    assert labels.tolist() == list(range(10))


def test_each_pass_has_its_own_order_and_the_same_seed_repeats_it() -> None:
    def order(generator: torch.Generator) -> list[int]:
        passed = batches(ten(), 10, generator=generator, shuffle=True, drop_last=False)
        return torch.cat([y for _, y in passed]).tolist()

    generator = seeded()
    first, second = order(generator), order(generator)
    assert first != second
    assert order(seeded()) == first


def test_batches_says_at_once_what_is_wrong() -> None:
    with pytest.raises(HeadstartError, match="batch size of 1 or more, got 0"):
        batches(ten(), 0, shuffle=False, drop_last=False)
    with pytest.raises(HeadstartError, match=r"shuffle=True needs a generator"):
        batches(ten(), 2, shuffle=True, drop_last=False)
    with pytest.raises(HeadstartError, match="batch size of 16 with drop_last leaves no batch of 10 images"):
        batches(ten(), 16, shuffle=False, drop_last=True)


@pytest.mark.gpu
def test_a_cpu_generator_gives_the_same_draws_on_a_gpu() -> None:
    images = unique_pixels(64)
    on_gpu = augment(images.cuda(), seeded(), crop=2, flip=True)
    assert torch.equal(on_gpu.cpu(), augment(images, seeded(), crop=2, flip=True))
    passed = batches(ten().to("cuda"), 10, generator=seeded(), shuffle=True, drop_last=False)
    order = next(passed)[1]
    assert order.is_cuda
    assert torch.equal(order.cpu(), next(batches(ten(), 10, generator=seeded(), shuffle=True, drop_last=False))[1])
