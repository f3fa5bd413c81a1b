from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.data import public
from headstart.data.dataset import Split
from headstart.data.listing import from_paths
from headstart.data.source import Arrays
from headstart.data.sources import SOURCES
from headstart.errors import HeadstartError


def test_another_dataset_in_files_of_the_same_names_is_told(released: Callable, tmp_path: Path) -> None:
    """MNIST, Fashion-MNIST and KMNIST: four files each, called alike."""
    pixels = torch.from_numpy(np.full((64, 1, 28, 28), 73, np.uint8))  # 0.286, the mean of Fashion-MNIST
    split = Split(pixels, torch.arange(64) % 10)
    arrays = Arrays({"train": split, "test": split}, tuple("0123456789"))
    counts = {"train": 64, "test": 64}
    (tmp_path / "x").mkdir()
    about = {"counts": counts, "needs": (), "read": lambda _: arrays}
    wrong = released("mnist", mean=(0.1307,), std=(0.3081,), **about)
    message = r"have a mean of 0\.286, those of mnist one of 0\.131: name the dataset that this is"
    with pytest.raises(HeadstartError, match=message):
        public.public_images(wrong, tmp_path / "x", {}, tmp_path, None, 0.01)
    right = released("fashion_mnist", mean=(0.2860,), std=(0.3530,), **about)
    assert public.public_images(right, tmp_path / "x", {}, tmp_path, None, 0.01).mean == (0.2860,)


def test_validation_rows_are_the_test_set_where_they_are_with_us(tmp_path: Path) -> None:
    paths = [tmp_path / "a", tmp_path / "b"]
    listing = from_paths(tmp_path, paths, [0, 1], ["train", "val"], ["x", "y"])
    assert public._with_test(SOURCES["food101"], listing).parts == ["train", "test"]
    assert public._with_test(SOURCES["dtd"], listing).parts == ["train", "val"]
