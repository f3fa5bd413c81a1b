"""The reader on small files of the same layout, and on the real ones where they are at hand."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.data import load_dataset
from headstart.data.sources import SOURCES, cifar
from headstart.errors import HeadstartError

NAMES = tuple(cifar.MD5_10)
IMAGES = 20
REAL = Path(os.environ.get("HEADSTART_DATA", "nowhere")) / "cifar-10-batches-bin"


def records(seed: int, label_bytes: int = 1) -> np.ndarray:
    """A file's worth of records: twice each label, random pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (IMAGES, 3072), dtype=np.uint8)
    labels = np.arange(IMAGES, dtype=np.uint8)[:, None] % 10
    return np.hstack([labels // 5] * (label_bytes - 1) + [labels, pixels])


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, released: Callable) -> Path:
    """A folder of six small files that the reader takes for the published ones."""
    folder = tmp_path / "given" / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    for seed, name in enumerate(NAMES):
        (folder / name).write_bytes(records(seed).tobytes())
        monkeypatch.setitem(cifar.MD5_10, name, hashlib.md5(records(seed).tobytes()).hexdigest())
    monkeypatch.setattr(cifar, "BATCH", IMAGES)
    released("cifar10", {"train": 5 * IMAGES, "test": IMAGES}, files=SOURCES["cifar10"].files)
    return folder


@pytest.fixture
def packed(small: Path, released: Callable) -> Path:
    """The same files as an archive that is taken for the official one."""
    path = small.parent / "cifar-10-binary.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(small, "cifar-10-batches-bin")
    md5 = "md5:" + hashlib.md5(path.read_bytes()).hexdigest()
    official = replace(SOURCES["cifar10"].files[0], checksum=md5, size=path.stat().st_size)
    released("cifar10", {"train": 5 * IMAGES, "test": IMAGES}, files=(official,))
    return path


def test_planes_rows_and_labels_are_where_the_layout_says(small: Path) -> None:
    splits = cifar.read_cifar10(small).splits
    pool, test = splits["train"], splits["test"]
    assert pool.images.shape == (100, 3, 32, 32) and test.images.shape == (20, 3, 32, 32)
    source = records(2)
    # Image 7 of the third file: green plane, row 5, column 9.
    assert pool.images[47, 1, 5, 9] == source[7, 1 + 1024 + 5 * 32 + 9]
    assert pool.labels[40:60].tolist() == source[:, 0].tolist()
    assert test.images[3, 2, 31, 31] == records(5)[3, -1]


def test_the_folder_the_one_around_it_and_the_archive_give_the_same(packed: Path, own_root: Path) -> None:
    places = (packed.parent / "cifar-10-batches-bin", packed.parent, packed)
    one, two, three = (load_dataset(f"cifar10:{place}") for place in places)
    assert torch.equal(one.train.images, two.train.images)
    assert torch.equal(one.train.images, three.train.images)
    assert packed.exists()
    assert sorted(p.name for p in (own_root / "cifar10" / "cifar-10-batches-bin").iterdir()) == sorted(NAMES)
    assert (one.name, one.channels, one.image_size, one.flip_ok) == ("cifar10", 3, 32, True)
    assert one.classes[0] == "airplane" and one.classes[9] == "truck"


def test_the_root_comes_from_the_environment(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_DATA", str(small.parent))
    assert len(load_dataset("cifar10", limit=50).train) == 50


def test_a_download_is_unpacked_once_and_then_used(packed: Path, own_root: Path, released: Callable) -> None:
    official = replace(SOURCES["cifar10"].files[0], url=packed.as_uri())
    released("cifar10", {"train": 5 * IMAGES, "test": IMAGES}, files=(official,))
    first = load_dataset("cifar10")
    assert [p.name for p in own_root.iterdir()] == ["cifar10"]
    packed.unlink()
    again = load_dataset("cifar10")
    assert torch.equal(first.test.images, again.test.images)


def test_no_network_says_how_to_name_a_folder(tmp_path: Path, released: Callable) -> None:
    gone = replace(SOURCES["cifar10"].files[0], url=(tmp_path / "nowhere" / "cifar-10-binary.tar.gz").as_uri())
    released("cifar10", {}, files=(gone,))
    with pytest.raises(HeadstartError, match=r"could not download file:.*cifar10:/path/to/cifar-10-batches-bin"):
        load_dataset("cifar10")


def test_a_cut_file_is_named(small: Path) -> None:
    path = small / "data_batch_3.bin"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(
        HeadstartError, match=r"data_batch_3\.bin is not whole: expected 61,460 bytes, got 61,360; delete it"
    ):
        load_dataset(f"cifar10:{small}")


def test_an_altered_file_is_named(small: Path) -> None:
    content = bytearray((small / "test_batch.bin").read_bytes())
    content[5000] ^= 1
    (small / "test_batch.bin").write_bytes(content)
    got = hashlib.md5(content).hexdigest()
    with pytest.raises(HeadstartError, match=rf"test_batch\.bin was altered: expected MD5 \w+, got {got}; delete it"):
        load_dataset(f"cifar10:{small}")


def test_a_folder_without_the_files_says_what_is_missing(small: Path) -> None:
    (small / "data_batch_4.bin").unlink()
    for place in (small, small.parent):
        with pytest.raises(
            HeadstartError,
            match=r"CIFAR-10.* in .*cifar-10-batches-bin, found no data_batch_4\.bin or data_batch_4: name",
        ):
            load_dataset(f"cifar10:{place}")


def test_another_archive_is_refused(tmp_path: Path, own_root: Path) -> None:
    other = tmp_path / "cifar-10-binary.tar.gz"
    other.write_bytes(b"something else")
    with pytest.raises(HeadstartError, match=r"is not the official file: expected md5:c32a1d4.*download https://www"):
        load_dataset(f"cifar10:{other}")
    assert not own_root.exists()


def test_cifar100_has_two_label_bytes_of_which_the_fine_one_counts(tmp_path: Path, released: Callable) -> None:
    released("cifar100", {"train": IMAGES, "test": IMAGES})
    folder = tmp_path / "cifar-100-binary"
    folder.mkdir()
    for seed, part in enumerate(("train", "test")):
        (folder / f"{part}.bin").write_bytes(records(seed, label_bytes=2).tobytes())
    (folder / "fine_label_names.txt").write_text("\n".join(f"kind{i}" for i in range(100)) + "\n")
    data = load_dataset(f"cifar100:{tmp_path}", val_fraction=0)
    assert data.train.labels.bincount().tolist() == [2] * 10
    assert data.classes[99] == "kind99"
    pixel = records(1, label_bytes=2)[7, 2 + 2 * 1024 + 31]
    assert data.test.images[7, 2, 0, 31] == pixel


@pytest.mark.skipif(not REAL.is_dir(), reason="the real CIFAR-10 is not in $HEADSTART_DATA")
def test_the_real_files() -> None:
    data = load_dataset("cifar10", limit=5000, root=REAL.parent)
    assert (len(data.train), len(data.val), len(data.test)) == (5000, 5000, 10_000)
    for split in (data.train, data.val, data.test):
        assert split.labels.bincount().tolist() == [len(split) // 10] * 10
    pixels = data.val.images.float() / 255
    assert pixels.mean((0, 2, 3)).tolist() == pytest.approx(data.mean, abs=5e-3)
    assert pixels.std((0, 2, 3)).tolist() == pytest.approx(data.std, abs=5e-3)
