from __future__ import annotations

import pytest
import torch

from headstart.data import Split, batches, load_dataset, normalize
from headstart.errors import HeadstartError


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


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
def test_a_cpu_generator_gives_the_same_order_on_a_gpu() -> None:
    passed = batches(ten().to("cuda"), 10, generator=seeded(), shuffle=True, drop_last=False)
    order = next(passed)[1]
    assert order.is_cuda
    assert torch.equal(order.cpu(), next(batches(ten(), 10, generator=seeded(), shuffle=True, drop_last=False))[1])
