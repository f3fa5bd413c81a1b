from __future__ import annotations

import pytest
import torch

from headstart.data import load_dataset, normalize
from headstart.errors import HeadstartError


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
