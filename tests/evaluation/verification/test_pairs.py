"""Which pairs there are, and that blocks change no score."""

import pytest
import torch

from headstart.errors import HeadstartError
from headstart.evaluation.verification import Pairs, all_pairs, cosine, similarities
from headstart.evaluation.verification import pairs as module


def test_all_pairs_by_hand() -> None:
    found = all_pairs(torch.tensor([5, 6, 5, 6]))
    assert list(zip(found.first.tolist(), found.second.tolist(), strict=True)) == [
        (0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)
    ]  # fmt: skip
    assert found.genuine.tolist() == [False, True, False, False, True, False]


def test_blocks_change_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = torch.randn(9, 5, generator=torch.Generator().manual_seed(0))
    pairs = all_pairs(torch.arange(9) % 3)
    whole = similarities(vectors, pairs)
    monkeypatch.setattr(module, "BLOCK", 7)
    assert torch.equal(similarities(vectors, pairs), whole)
    torch.testing.assert_close(whole, -cosine(vectors[pairs.first], vectors[pairs.second]))


def test_pairs_of_a_protocol() -> None:
    pairs = Pairs(torch.tensor([0, 0]), torch.tensor([1, 2]), torch.tensor([True, False]))
    found = similarities(torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]), pairs)
    torch.testing.assert_close(found, torch.tensor([0.0, -1.0]))
    with pytest.raises(HeadstartError, match="the pairs name images that are not among the 2"):
        similarities(torch.ones(2, 2), pairs)


def test_more_pairs_than_memory_holds_are_refused() -> None:
    with pytest.raises(HeadstartError, match="20,000 images make 199,990,000 pairs, more than 100,000,000: take fewer"):
        all_pairs(torch.arange(20_000))


def test_pairs_of_one_kind_are_no_protocol() -> None:
    with pytest.raises(HeadstartError, match="expected genuine and impostor pairs, got 1 genuine of 1"):
        all_pairs(torch.tensor([3, 3]))
    with pytest.raises(HeadstartError, match="got 0 genuine of 3"):
        all_pairs(torch.tensor([1, 2, 3]))
    with pytest.raises(HeadstartError, match="as many first as second images and marks, got 1, 2 and 1"):
        Pairs(torch.tensor([0]), torch.tensor([0, 1]), torch.tensor([True]))
