from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
import torch

from headstart.data import load_dataset
from headstart.data.digits import read_digits
from headstart.errors import HeadstartError


def test_counts_and_shapes() -> None:
    pool, test = read_digits()
    assert (len(pool), len(test)) == (1438, 359)
    assert pool.images.shape == (1438, 1, 8, 8)
    # The class counts that the source documents, 0 to 9.
    counts = torch.cat([pool.labels, test.labels]).bincount().tolist()
    assert counts == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_pixels_are_the_seventeen_levels_spread_over_uint8() -> None:
    pool, _ = read_digits()
    levels = pool.images.unique()
    assert levels.tolist() == [round(255 * v / 16) for v in range(17)]


def test_the_test_images_never_change() -> None:
    _, test = read_digits()
    assert test.labels.bincount().tolist() == [36, 36, 35, 37, 36, 36, 36, 36, 35, 36]
    # A checksum of which images they are and of their order: results compare only while it holds.
    place = torch.arange(1, len(test) + 1)
    assert int((test.images.flatten(1).sum(1, dtype=torch.int64) * place).sum()) == 319_157_222


def test_the_test_images_do_not_depend_on_the_seed() -> None:
    one, two = load_dataset("digits", seed=1), load_dataset("digits", seed=2)
    assert torch.equal(one.test.images, two.test.images)
    assert not torch.equal(one.val.images, two.val.images)


def test_what_is_known_of_the_dataset() -> None:
    data = load_dataset("digits")
    assert data.classes == tuple("0123456789")
    assert (data.channels, data.image_size, data.flip_ok) == (1, 8, False)
    pixels = torch.cat([data.train.images, data.val.images]).double() / 255
    assert data.mean[0] == pytest.approx(pixels.mean().item())
    assert data.std[0] == pytest.approx(pixels.std(correction=0).item())


def test_an_altered_file_is_refused(tmp_path: Path) -> None:
    content = bytearray((files("headstart.data") / "files" / "digits.npz").read_bytes())
    content[1000] ^= 1
    file = tmp_path / "digits.npz"
    file.write_bytes(content)
    with pytest.raises(HeadstartError, match=r"digits\.npz was altered: expected SHA-256 \w{64}, got \w{64}; install"):
        read_digits(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match=r"expected the digits at .*digits\.npz, found no file"):
        read_digits(tmp_path / "digits.npz")


def test_a_path_makes_no_sense_for_digits() -> None:
    with pytest.raises(HeadstartError, match="takes no path, got 'digits:/somewhere': use 'digits'"):
        load_dataset("digits:/somewhere")
