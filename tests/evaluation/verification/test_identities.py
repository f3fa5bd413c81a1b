"""Strangers, groups without common names, and their images."""

import pytest
import torch

from headstart.data import load_dataset
from headstart.errors import HeadstartError
from headstart.evaluation.verification import check_disjoint, left_out, people, split_identities


def test_common_names_are_refused() -> None:
    check_disjoint({"seen": "abc", "development": "de", "test": "fg"})
    with pytest.raises(HeadstartError, match="identity 'c' is in seen and in test; verification is about identities"):
        check_disjoint({"seen": "abc", "test": "cd"})


def test_strangers_are_what_no_run_has_seen() -> None:
    assert left_out("abcdef", "ab", "bd") == ("c", "e", "f")
    assert split_identities("abcd") == (("a", "b"), ("c", "d"))
    assert split_identities("abcdefghi")[0] == ("a", "b", "c")
    with pytest.raises(HeadstartError, match="two identities for that and two others for the test, got 3 unseen"):
        split_identities("abc")


def test_the_images_of_some_classes_from_all_parts() -> None:
    data = load_dataset("digits")
    found = people(data, ["7", "3"], most=60)
    assert found.names == ("7", "3") and torch.bincount(found.labels).tolist() == [60, 60]
    sevens = data.test.images[data.test.labels == 7]
    assert len(sevens) < 60 and torch.equal(found.images[: len(sevens)], sevens)
    assert len(people(data, ["7", "3"]).labels) == sum(
        int((split.labels == digit).sum()) for split in (data.train, data.val, data.test) for digit in (7, 3)
    )


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["7"], "verification takes two identities or more, got 7"),
        (["7", "7"], "two identities or more"),
        (["7", "seven"], "unknown identity of digits 'seven'"),
    ],
)
def test_what_are_no_identities_is_told(names: list[str], message: str) -> None:
    with pytest.raises(HeadstartError, match=message):
        people(load_dataset("digits"), names)
