"""The reader on small files of the same layout, and on the real ones where they are at hand."""

from __future__ import annotations

import hashlib
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.data import cifar10, download, load_dataset
from headstart.errors import HeadstartError

NAMES = tuple(cifar10.MD5)
IMAGES = 20


def records(seed: int) -> np.ndarray:
    """A file's worth of records: twice each label, random pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (IMAGES, 3072), dtype=np.uint8)
    return np.hstack([np.arange(IMAGES, dtype=np.uint8)[:, None] % 10, pixels])


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of six small files that the reader takes for the published ones."""
    folder = tmp_path / "given" / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    for seed, name in enumerate(NAMES):
        (folder / name).write_bytes(records(seed).tobytes())
        monkeypatch.setitem(cifar10.MD5, name, hashlib.md5(records(seed).tobytes()).hexdigest())
    monkeypatch.setattr(cifar10, "FILE_SIZE", IMAGES * 3073)
    monkeypatch.setattr(download, "PAUSE_S", 0.0)
    return folder


@pytest.fixture
def packed(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same files as an archive that is taken for the official one."""
    path = tmp_path / "given" / "cifar-10-binary.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(small, "cifar-10-batches-bin")
    monkeypatch.setattr(cifar10, "ARCHIVE_MD5", hashlib.md5(path.read_bytes()).hexdigest())
    return path


def test_planes_rows_and_labels_are_where_the_layout_says(small: Path) -> None:
    pool, test = cifar10.read_cifar10(small)
    assert pool.images.shape == (100, 3, 32, 32) and test.images.shape == (20, 3, 32, 32)
    source = records(2)
    # Image 7 of the third file: green plane, row 5, column 9.
    assert pool.images[47, 1, 5, 9] == source[7, 1 + 1024 + 5 * 32 + 9]
    assert pool.labels[40:60].tolist() == source[:, 0].tolist()
    assert test.images[3, 2, 31, 31] == records(5)[3, -1]


def test_the_folder_the_one_around_it_and_the_archive_give_the_same(packed: Path, tmp_path: Path) -> None:
    root = tmp_path / "cache"
    places = (packed.parent / "cifar-10-batches-bin", packed.parent, packed)
    one, two, three = (load_dataset(f"cifar10:{place}", root=root) for place in places)
    assert torch.equal(one.train.images, two.train.images)
    assert torch.equal(one.train.images, three.train.images)
    assert packed.exists()
    assert sorted(p.name for p in (root / "cifar-10-batches-bin").iterdir()) == sorted(NAMES)
    assert (one.name, one.channels, one.image_size, one.flip_ok) == ("cifar10", 3, 32, True)
    assert one.classes[0] == "airplane" and one.classes[9] == "truck"


def test_the_root_comes_from_the_environment(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_DATA", str(small.parent))
    assert len(load_dataset("cifar10", limit=50).train) == 50


def test_a_download_is_unpacked_once_and_then_used(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cifar10, "URL", packed.as_uri())
    root = tmp_path / "cache"
    first = load_dataset("cifar10", root=root)
    assert [p.name for p in root.iterdir()] == ["cifar-10-batches-bin"]
    packed.unlink()
    again = load_dataset("cifar10", root=root)
    assert torch.equal(first.test.images, again.test.images)


def test_no_network_says_how_to_name_a_folder(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar10, "URL", (tmp_path / "nowhere" / "cifar-10-binary.tar.gz").as_uri())
    with pytest.raises(HeadstartError, match=r"could not download file:.*cifar10:/path/to/cifar-10-batches-bin"):
        load_dataset("cifar10", root=tmp_path / "cache")


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
            match=r"six files .* in .*cifar-10-batches-bin, found no data_batch_4\.bin: name the",
        ):
            load_dataset(f"cifar10:{place}")


def test_another_archive_is_refused(small: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.tar.gz"
    other.write_bytes(b"something else")
    with pytest.raises(HeadstartError, match=r"other\.tar\.gz is not the official archive: expected MD5 c32a1d4"):
        load_dataset(f"cifar10:{other}", root=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


REAL = Path(os.environ.get("HEADSTART_DATA", "nowhere")) / "cifar-10-batches-bin"


@pytest.mark.skipif(not REAL.is_dir(), reason="the real CIFAR-10 is not in $HEADSTART_DATA")
def test_the_real_files() -> None:
    data = load_dataset("cifar10", limit=5000)
    assert (len(data.train), len(data.val), len(data.test)) == (5000, 5000, 10_000)
    for split in (data.train, data.val, data.test):
        assert split.labels.bincount().tolist() == [len(split) // 10] * 10
    pool, _ = cifar10.read_cifar10(REAL)
    pixels = pool.images[::10].float() / 255
    assert pixels.mean((0, 2, 3)).tolist() == pytest.approx(data.mean, abs=5e-3)
    assert pixels.std((0, 2, 3)).tolist() == pytest.approx(data.std, abs=5e-3)
