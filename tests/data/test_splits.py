from __future__ import annotations

import re

import pytest
import torch

from headstart.data import Split, load_dataset
from headstart.data.splits import carve, chosen, stratified_order
from headstart.errors import HeadstartError


def numbered(counts: list[int]) -> Split:
    """Images that carry their own number in their first two pixels, with ``counts[c]`` images of class c."""
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    images = torch.zeros(len(labels), 1, 2, 2, dtype=torch.uint8)
    images[:, 0, 0, 0] = torch.arange(len(labels)) // 256
    images[:, 0, 0, 1] = torch.arange(len(labels)) % 256
    return Split(images, labels)


def numbers(split: Split) -> list[int]:
    return (split.images[:, 0, 0, 0].long() * 256 + split.images[:, 0, 0, 1].long()).tolist()


def cut(
    pool: Split, val_fraction: float, limit: int | None, seed: int, first: torch.Tensor | None = None
) -> tuple[Split, Split]:
    """Training and validation split as ``load_dataset`` makes them."""
    kept, held_back = carve(pool, val_fraction, seed, first=first)
    kept = kept[chosen(pool.labels[kept], int(pool.labels.max()) + 1, limit=limit)]
    return pool[kept], pool[held_back]


def test_train_and_val_share_nothing_and_leave_nothing() -> None:
    train, val = cut(numbered([300, 200, 100]), 0.1, None, seed=0)
    assert len(val) == 60
    assert sorted(numbers(train) + numbers(val)) == list(range(600))


def test_labels_stay_with_their_images() -> None:
    pool = numbered([300, 200, 100])
    train, _ = cut(pool, 0.1, None, seed=0)
    assert torch.equal(train.labels, pool.labels[numbers(train)])


def test_classes_keep_their_shares() -> None:
    train, val = cut(numbered([300, 200, 100]), 0.1, 120, seed=3)
    assert val.labels.bincount().tolist() == [30, 20, 10]
    assert train.labels.bincount().tolist() == [60, 40, 20]


def test_equal_classes_are_equal_to_the_image() -> None:
    train, val = cut(numbered([100] * 10), 0.1, 500, seed=5)
    assert val.labels.bincount().tolist() == [10] * 10
    assert train.labels.bincount().tolist() == [50] * 10


def test_any_prefix_is_stratified_to_about_one_image() -> None:
    pool = numbered([317, 201, 82])
    order = stratified_order(pool.labels, torch.Generator().manual_seed(0))
    counts = torch.nn.functional.one_hot(pool.labels[order], 3).cumsum(0)
    share = torch.tensor([317, 201, 82]) / 600
    expected = torch.arange(1, 601)[:, None] * share
    assert (counts - expected).abs().max() <= 1.5


def test_smaller_limits_lie_inside_larger_ones() -> None:
    pool = numbered([300, 200, 100])
    (small, small_val), (large, large_val) = (cut(pool, 0.1, limit, seed=7) for limit in (100, 400))
    assert numbers(large)[:100] == numbers(small)
    assert numbers(large_val) == numbers(small_val)


def test_ten_percent_lie_inside_twenty_five_and_both_are_stratified() -> None:
    labels = numbered([300, 200, 100])
    order, _ = carve(labels, 0.1, seed=7)
    small, large = (order[chosen(labels.labels[order], 3, fraction=share)] for share in (0.1, 0.25))
    assert torch.equal(large[: len(small)], small)
    assert labels.labels[small].bincount().tolist() == [27, 18, 9]
    assert len(large) == 135


def test_per_class_gives_each_class_its_number_and_smaller_ones_lie_inside_larger_ones() -> None:
    pool = numbered([30, 20, 10])
    order, _ = carve(pool, 0.1, seed=7)
    few, more = (order[chosen(pool.labels[order], 3, per_class=k)] for k in (2, 5))
    assert pool.labels[few].bincount().tolist() == [2, 2, 2]
    assert pool.labels[more].bincount().tolist() == [5, 5, 5]
    assert set(few.tolist()) < set(more.tolist())


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"per_class": 0}, "expected per_class between 1 and 10, the training images of the smallest class (label 2)"),
        ({"per_class": 11}, "expected per_class between 1 and 10, the training images of the smallest class (label 2)"),
        ({"fraction": 0.0}, "expected fraction in (0, 1], got 0.0: 0.1 keeps every tenth"),
        ({"fraction": 1.5}, "expected fraction in (0, 1], got 1.5"),
        ({"limit": 5, "fraction": 0.5}, "expected one of limit, per_class and fraction, got limit=5, fraction=0.5"),
    ],
)
def test_a_choice_outside_is_refused(choice: dict, message: str) -> None:
    with pytest.raises(HeadstartError, match=re.escape(message)):
        chosen(numbered([30, 20, 10]).labels, 3, **choice)


def test_copies_stay_on_one_side() -> None:
    pool = numbered([30, 30])
    # Images 0 to 9 come three times each, 30 to 39 twice.
    first = torch.arange(60)
    first[10:30] = torch.arange(10).repeat(2)
    first[40:50] = torch.arange(30, 40)
    for seed in range(20):
        train, val = cut(pool, 0.3, None, seed, first)
        apart = [{int(first[n]) for n in numbers(split)} for split in (train, val)]
        assert not apart[0] & apart[1]
        assert sorted(numbers(train) + numbers(val)) == list(range(60))


def test_without_copies_the_order_is_the_same_as_without_looking() -> None:
    pool = numbered([30, 20])
    with_look, without = (carve(pool, 0.2, 3, first=first) for first in (torch.arange(50), None))
    assert torch.equal(with_look[0], without[0]) and torch.equal(with_look[1], without[1])


def test_the_seed_decides() -> None:
    pool = numbered([300, 200, 100])
    first, again, other = (numbers(cut(pool, 0.1, 100, seed)[0]) for seed in (0, 0, 1))
    assert first == again
    assert set(first) != set(other)


def test_the_choice_within_a_class_is_uniform() -> None:
    # Each of the 20 images of either class should be held back in half of the seeds.
    pool = numbered([20, 20])
    times = torch.zeros(40)
    for seed in range(400):
        times[numbers(cut(pool, 0.5, None, seed)[1])] += 1
    # 400 draws with p = 1/2: standard deviation 10.
    assert (times - 200).abs().max() < 45


def test_the_global_random_state_is_untouched() -> None:
    before = torch.get_rng_state()
    load_dataset("digits", limit=50, seed=4)
    assert torch.equal(torch.get_rng_state(), before)


def test_no_validation_split_can_be_asked_for() -> None:
    train, val = cut(numbered([5, 5]), 0.0, None, seed=0)
    assert (len(train), len(val)) == (10, 0)


@pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
def test_a_fraction_outside_is_refused(fraction: float) -> None:
    with pytest.raises(HeadstartError, match=r"expected val_fraction in \[0, 1\), got"):
        load_dataset("digits", val_fraction=fraction)


def test_a_fraction_that_takes_everything_is_refused() -> None:
    with pytest.raises(HeadstartError, match=r"val_fraction 0\.99 leaves none of the 10 images"):
        cut(numbered([5, 5]), 0.99, None, seed=0)


@pytest.mark.parametrize("limit", [0, -5, 1295])
def test_a_limit_outside_is_refused(limit: int) -> None:
    with pytest.raises(HeadstartError, match=f"expected limit between 1 and 1294, .* left for training, got {limit}"):
        load_dataset("digits", limit=limit)


def test_an_unknown_name_lists_the_near_ones() -> None:
    with pytest.raises(HeadstartError, match=r"unknown dataset 'digit': did you mean 'digits'\? Known: bloodmnist"):
        load_dataset("digit")


def test_a_split_says_what_it_expects() -> None:
    labels = torch.zeros(3, dtype=torch.int64)
    with pytest.raises(HeadstartError, match=r"expected images as uint8 .* got float32 of shape \(3, 1, 8, 8\)"):
        Split(torch.zeros(3, 1, 8, 8), labels)
    with pytest.raises(HeadstartError, match=r"got uint8 of shape \(3, 8, 8\): .* add the missing axis"):
        Split(torch.zeros(3, 8, 8, dtype=torch.uint8), labels)
    with pytest.raises(HeadstartError, match=r"labels as int64 of shape \(4,\).* got int64 of shape \(3,\)"):
        Split(torch.zeros(4, 1, 8, 8, dtype=torch.uint8), labels)


def test_to_moves_every_split() -> None:
    data = load_dataset("digits", limit=20).to("meta")
    assert {split.images.device.type for split in (data.train, data.val, data.test)} == {"meta"}
    assert (len(data.train), data.image_size) == (20, 8)
