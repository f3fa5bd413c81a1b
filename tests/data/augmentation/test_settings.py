from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from headstart.data import Augmentation
from headstart.data.augmentation import erasing, rounds, rows
from headstart.errors import HeadstartError

SHAPE = (3, 12, 10)
EVERY = [
    Augmentation(crop=2, flip=True, fill=(5, 6, 7)),
    Augmentation(resized_crop=0.3, flip=True),
    Augmentation(flip=True, erase=0.6, mixup=0.8),
    Augmentation(erase=0.6, mixup=0.8, cutmix=1.0),
    Augmentation(policy="randaugment", magnitude=12, operations=2, fill=(1, 2, 3)),
    Augmentation(crop=1, policy="trivialaugment"),
    Augmentation(policy="3augment", color_jitter=0.3),
]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(count: int = 12, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.randint(256, (count, *SHAPE), dtype=torch.uint8, generator=seeded(seed))
    return images, torch.arange(count) % 5


def through(augmentation: Augmentation, images: torch.Tensor, labels: torch.Tensor, draws: Any) -> list[torch.Tensor]:
    changed = augmentation.apply(images, draws)
    return [changed, *augmentation.mix(changed.float() / 255, labels, draws, 5)]


@pytest.mark.parametrize("augmentation", EVERY, ids=str)
def test_a_slice_is_augmented_as_in_the_batch(augmentation: Augmentation) -> None:
    images, labels = batch()
    draws = augmentation.draw(12, SHAPE, seeded())
    whole = through(augmentation, images, labels, draws)
    for part in (slice(0, 4), slice(4, 6), slice(6, 12)):
        for got, expected in zip(through(augmentation, images[part], labels[part], draws[part]), whole, strict=True):
            assert torch.equal(got, expected[part])
    pairs = torch.tensor([6, 7, 0, 1])
    for got, expected in zip(through(augmentation, images[pairs], labels[pairs], draws[pairs]), whole, strict=True):
        assert torch.equal(got, expected[pairs])


@pytest.mark.parametrize("augmentation", EVERY, ids=str)
def test_picking_rows_out_changes_nothing(augmentation: Augmentation, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = batch()
    draws = augmentation.draw(12, SHAPE, seeded())
    picked = through(augmentation, images, labels, draws)
    for module in (rows, rounds, erasing):
        monkeypatch.setattr(module, "gathers", lambda device: False)
    for got, expected in zip(through(augmentation, images, labels, draws), picked, strict=True):
        assert torch.equal(got, expected)


@pytest.mark.parametrize("augmentation", EVERY, ids=str)
def test_nothing_is_read_back_from_the_device(augmentation: Augmentation) -> None:
    # A tensor on "meta" has a shape and no values: whoever asks for one, fails.
    images, labels = (t.to("meta") for t in batch())
    draws = augmentation.draw(12, SHAPE, seeded()).to("meta")
    changed, mixed, targets = through(augmentation, images, labels, draws)
    assert changed.dtype == torch.uint8 and changed.shape == images.shape == mixed.shape
    assert targets.shape == ((12, 5) if augmentation.mixes else (12,))


def test_it_compiles_into_one_graph_as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (rows, rounds, erasing):
        monkeypatch.setattr(module, "gathers", lambda device: False)
    augmentation = Augmentation(crop=1, policy="randaugment", operations=1, erase=0.5, mixup=1.0)
    images, labels = batch()
    draws = augmentation.draw(12, SHAPE, seeded())

    def run(table: torch.Tensor) -> list[torch.Tensor]:
        return through(augmentation, images, labels, replace(draws, table=table))

    compiled = torch.compile(run, fullgraph=True, backend="eager")(draws.table)
    for got, expected in zip(compiled, run(draws.table), strict=True):
        assert torch.equal(got, expected)


@pytest.mark.parametrize("augmentation", EVERY, ids=str)
def test_arguments_are_left_alone_and_shapes_are_kept(augmentation: Augmentation) -> None:
    images, labels = batch()
    before = images.clone(), labels.clone()
    changed, mixed, _ = through(augmentation, images, labels, augmentation.draw(12, SHAPE, seeded()))
    assert torch.equal(images, before[0]) and torch.equal(labels, before[1])
    assert changed.shape == images.shape and changed.dtype == torch.uint8
    assert mixed.shape == images.shape and mixed.dtype == torch.float32


def test_nothing_asked_for_changes_nothing() -> None:
    images, labels = batch()
    augmentation = Augmentation()
    changed, mixed, targets = through(augmentation, images, labels, augmentation.draw(12, SHAPE, seeded()))
    assert torch.equal(changed, images) and torch.equal(mixed, images / 255) and torch.equal(targets, labels)


def test_it_tells_what_it_does() -> None:
    assert str(Augmentation()) == "left as it is"
    assert str(Augmentation(policy="randaugment", color_jitter=0.3)) == (
        "2 of RandAugment's operations at magnitude 9 of 30, brightness, contrast and colour by up to ±30 %"
    )
    assert str(Augmentation(resized_crop=0.08, erase=0.25, mixup=0.8, cutmix=1)) == (
        "a box of 8 to 100 % resized, erased in part with probability 0.25, mixed by mixup (α 0.8) or cutmix (α 1)"
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"crop": -1}, "expected crop as a padding in pixels, 0 or more, got -1"),
        ({"crop": 1.5}, "expected crop as a padding in pixels, 0 or more, got 1.5"),
        ({"resized_crop": 0}, "expected resized_crop as a share of the area above 0, up to 1, got 0"),
        ({"resized_crop": 1.1}, "expected resized_crop as a share .* got 1.1"),
        (
            {"crop": 4, "resized_crop": 0.5},
            "expected crop or resized_crop, got crop=4 and resized_crop=0.5: .* leave one",
        ),
        ({"policy": "randaugmnt"}, "unknown augmentation policy 'randaugmnt': did you mean 'randaugment'"),
        ({"magnitude": 31}, "expected magnitude as a level from 0 to 30, got 31"),
        ({"operations": 0}, "expected operations as a number of operations, 1 or more, got 0"),
        ({"color_jitter": 1.2}, "expected color_jitter as a part from 0 to 1, got 1.2"),
        ({"erase": 1.5}, "expected erase as a probability from 0 to 1, got 1.5"),
        ({"mixup": -0.1}, r"expected mixup as the α of a Beta distribution, 0 for off, got -0.1"),
        ({"cutmix": float("inf")}, "expected cutmix as the α .* got inf"),
        ({"fill": (256,)}, r"expected fill as a tuple of whole numbers from 0 to 255, got \(256,\)"),
        ({"fill": 3}, "expected fill as a tuple of whole numbers from 0 to 255, got 3"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(HeadstartError, match=message):
        Augmentation(**settings)


def test_draw_says_what_it_expects() -> None:
    with pytest.raises(HeadstartError, match=r"image shape \(channels, height, width\), got 2 and \(8, 8\)"):
        Augmentation().draw(2, (8, 8), seeded())  # type: ignore[arg-type]
    with pytest.raises(HeadstartError, match=r"one number for each of 3 channels, or one for all, got \(1, 2\)"):
        Augmentation(fill=(1, 2)).draw(2, (3, 8, 8), seeded())


@pytest.mark.parametrize("settings", [{"policy": "3augment"}, {"color_jitter": 0.2}])
def test_policies_are_for_gray_and_colour(settings: dict[str, Any]) -> None:
    with pytest.raises(HeadstartError, match=r"1 or 3 channels, got 2: choose policy=.none. and color_jitter=0"):
        Augmentation(**settings).draw(2, (2, 8, 8), seeded())


def test_apply_and_mix_say_what_they_expect() -> None:
    augmentation = Augmentation(crop=1, mixup=1.0)
    images, labels = batch()
    draws = augmentation.draw(12, SHAPE, seeded())
    floats = images.float()
    with pytest.raises(HeadstartError, match=r"expected images as uint8, 0 to 255, got torch.float32: augment first"):
        augmentation.apply(floats, draws)
    with pytest.raises(HeadstartError, match=r"\(batch, channels, height, width\), got \(3, 12, 10\)"):
        augmentation.apply(images[0], draws)
    with pytest.raises(HeadstartError, match=r"shape \(3, 12, 10\), which the draws were made for, got \(3, 10, 12\)"):
        augmentation.apply(images.mT.contiguous(), draws)
    with pytest.raises(HeadstartError, match=r"expected draws of 4 images, got 12: .* draws\[rows\]"):
        augmentation.apply(images[:4], draws)
    with pytest.raises(HeadstartError, match=r"expected draws on cpu, .* got meta: draws.to\(images.device\)"):
        augmentation.apply(images, draws.to("meta"))
    with pytest.raises(HeadstartError, match="these draws hold no 'offset', only mirrored"):
        augmentation.apply(images, Augmentation(flip=True).draw(12, SHAPE, seeded()))
    with pytest.raises(HeadstartError, match=r"normalised images as floats, got torch.uint8: mix after normalize"):
        augmentation.mix(images, labels, draws, 5)
    with pytest.raises(HeadstartError, match=r"labels as int64 of shape \(12,\), got torch.int64 of shape \(4,\)"):
        augmentation.mix(floats, labels[:4], draws, 5)
    with pytest.raises(HeadstartError, match="expected classes as a number of classes, 1 or more, got 0"):
        augmentation.mix(floats, labels, draws, 0)


@pytest.mark.gpu
@pytest.mark.parametrize("augmentation", EVERY, ids=str)
def test_a_gpu_gives_the_same(augmentation: Augmentation) -> None:
    images, labels = batch()
    draws = augmentation.draw(12, SHAPE, seeded())
    on_cpu = through(augmentation, images, labels, draws)
    on_gpu = through(augmentation, images.cuda(), labels.cuda(), draws.to("cuda", non_blocking=True))
    assert torch.equal(on_gpu[0].cpu(), on_cpu[0])
    assert torch.allclose(on_gpu[1].cpu(), on_cpu[1], atol=1e-4)
    assert torch.allclose(on_gpu[2].cpu(), on_cpu[2])
