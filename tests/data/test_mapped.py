from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.data import Split
from headstart.data.fetching import fetch
from headstart.data.mapped import MappedSplit
from headstart.errors import HeadstartError


@pytest.fixture
def split(tmp_path: Path) -> MappedSplit:
    """Images 4, 2, 0 of five, each filled with its number."""
    np.repeat(np.arange(5, dtype=np.uint8), 12).tofile(tmp_path / "images.bin")
    store = torch.from_numpy(np.memmap(tmp_path / "images.bin", np.uint8, mode="c", shape=(5, 3, 2, 2)))
    return MappedSplit(store, torch.tensor([4, 2, 0]), torch.tensor([1, 0, 1]))


def test_it_is_a_split_of_the_chosen_images(split: MappedSplit) -> None:
    assert isinstance(split, Split) and len(split) == 3
    assert split.image_shape == (3, 2, 2)
    assert split.images[:, 0, 0, 0].tolist() == [4, 2, 0]
    assert repr(split) == "MappedSplit(3 images of shape (3, 2, 2))"


def test_choosing_reads_nothing(split: MappedSplit, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = split[torch.tensor([2, 0])][1:]
    assert chosen.images[:, 0, 0, 0].tolist() == [4] and chosen.labels.tolist() == [1]
    monkeypatch.setattr(MappedSplit, "images", property(lambda self: pytest.fail("images were read")))
    assert len(split[torch.tensor([2, 0])][1:].to("cpu")) == 1


def test_batches_go_through_it_as_through_any_split(split: MappedSplit) -> None:
    plain, rows = Split(split.images, split.labels), [torch.tensor([2, 0]), torch.tensor([1])]
    for one, two in zip(*(fetch(each, rows, torch.device("cpu")) for each in (split, plain)), strict=True):
        assert torch.equal(one[0], two[0]) and torch.equal(one[1], two[1])


def test_another_device_takes_all_images(split: MappedSplit) -> None:
    moved = split.to("meta")
    assert type(moved) is Split and moved.images.shape == (3, 3, 2, 2)


def test_the_wrong_kind_is_refused() -> None:
    with pytest.raises(HeadstartError, match=r"expected images as uint8 .* got float32"):
        MappedSplit(torch.zeros(2, 1, 2, 2), torch.arange(2), torch.arange(2))


@pytest.mark.gpu
def test_a_gpu_gets_them_all(split: MappedSplit) -> None:
    assert split.to("cuda").images.is_cuda
