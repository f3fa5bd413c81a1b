"""Some classes without the others: which are meant, and what is left of a dataset."""

import pytest
import torch

from headstart.data import load_dataset
from headstart.data.choosing import class_numbers, keep_classes
from headstart.data.collection import Collection, Part
from headstart.data.mapped import MappedSplit
from headstart.errors import HeadstartError

NAMES = ["plane", "car", "7", "t-shirt", "cat"]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("0-2", [0, 1, 2]),
        (" cat , plane", [0, 4]),
        ("7", [2]),
        ("t-shirt,0", [0, 3]),
        ("1,1-1,car", [1]),
    ],
)
def test_names_numbers_and_ranges(text: str, numbers: list[int]) -> None:
    assert class_numbers(text, NAMES) == numbers


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cta", "unknown class 'cta': did you mean 'cat'"),
        ("3-1", "expected numbers from 0 to 4, the smaller first, got '3-1'; for example classes=0-3"),
        ("2-5", "expected numbers from 0 to 4"),
        ("", "unknown class ''"),
    ],
)
def test_what_is_no_class_is_told(text: str, message: str) -> None:
    with pytest.raises(HeadstartError, match=message):
        class_numbers(text, NAMES)


def test_one_class_is_too_few_and_an_empty_one_no_choice() -> None:
    labels = torch.tensor([0, 0, 1])
    part = Part(MappedSplit(torch.zeros(3, 1, 2, 2, dtype=torch.uint8), torch.arange(3), labels))
    found = Collection("toy", ("a", "b", "c", "d"), {"train": part}, (0.0,), (1.0,), False)
    with pytest.raises(HeadstartError, match="expected two or more of toy to tell apart, got 'a'"):
        keep_classes(found, "a")
    with pytest.raises(HeadstartError, match="toy has no training image of classes=c,d"):
        keep_classes(found, "c,d")


def test_a_part_without_the_classes_is_told_before_anything_is_trained() -> None:
    def part(*labels: int) -> Part:
        return Part(
            MappedSplit(torch.zeros(9, 1, 2, 2, dtype=torch.uint8), torch.arange(len(labels)), torch.tensor(labels))
        )

    parts = {"train": part(0, 1, 2), "val": part(0, 0), "test": part(0)}
    found = Collection("toy", ("a", "b", "c"), parts, (0.0,), (1.0,), False)
    with pytest.raises(
        HeadstartError, match="toy has no validation and no test image of classes=1-2: choose others, or"
    ):
        keep_classes(found, "1-2")
    assert len(keep_classes(found, "0-1").parts["test"]) == 1


def test_what_is_kept_is_numbered_anew_and_not_read() -> None:
    store = torch.arange(5, dtype=torch.uint8).view(5, 1, 1, 1).expand(5, 1, 2, 2).contiguous()
    part = Part(MappedSplit(store, torch.tensor([4, 3, 2, 1]), torch.tensor([2, 0, 1, 2])), ("e", "d", "c", "b"))
    kept = keep_classes(Collection("toy", ("x", "y", "z"), {"train": part}, (0.0,), (1.0,), False), "z,x")
    left = kept.parts["train"]
    assert kept.classes == ("x", "z") and left.names == ["e", "d", "b"]
    assert isinstance(left.split, MappedSplit) and left.split.labels.tolist() == [1, 0, 1]
    assert left.split.images[:, 0, 0, 0].tolist() == [4, 3, 1]
    assert kept.mean == pytest.approx((8 / 3 / 255,))


def test_the_classes_left_out_are_in_no_split() -> None:
    whole, some = load_dataset("digits"), load_dataset("digits", classes="0,1,7-9", per_class=20)
    assert some.classes == ("0", "1", "7", "8", "9") and len(some.train) == 100
    assert some.train.labels.unique().tolist() == some.test.labels.unique().tolist() == [0, 1, 2, 3, 4]
    old = torch.isin(whole.test.labels, torch.tensor([0, 1, 7, 8, 9]))
    assert torch.equal(some.test.images, whole.test.images[old])
    assert some.mean != whole.mean
