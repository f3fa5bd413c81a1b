"""On files written the way Python 2 wrote them; ``pickle`` itself confirms here what they mean."""

from __future__ import annotations

import hashlib
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from headstart.data import load_dataset
from headstart.data.formats.opcodes import read_lists
from headstart.data.sources import cifar
from headstart.errors import HeadstartError


class Python2:
    """Protocol 2 as Python 2's cPickle wrote it: byte strings as BINSTRING, everything remembered, lists in parts."""

    def __init__(self) -> None:
        self.places = 0

    def put(self) -> bytes:
        self.places += 1
        place = self.places
        return b"q" + bytes([place]) if place < 256 else b"r" + struct.pack("<I", place)

    def string(self, value: bytes) -> bytes:
        head = b"U" + bytes([len(value)]) if len(value) < 256 else b"T" + struct.pack("<I", len(value))
        return head + value + self.put()

    def number(self, value: int) -> bytes:
        return b"K" + bytes([value]) if value < 256 else b"M" + struct.pack("<H", value)

    def list(self, values: list, batch: int = 1000) -> bytes:
        one = self.string if values and isinstance(values[0], bytes) else self.number
        parts = [values[i : i + batch] for i in range(0, len(values), batch)]
        return b"]" + self.put() + b"".join(b"(" + b"".join(map(one, part)) + b"e" for part in parts)

    def array(self, pixels: np.ndarray) -> bytes:
        made = b"cnumpy.core.multiarray\n_reconstruct\n" + self.put() + b"cnumpy\nndarray\n" + self.put()
        made += b"K\x00\x85" + self.put() + self.string(b"b") + b"\x87" + self.put() + b"R" + self.put() + b"(K\x01"
        for size in pixels.shape:
            made += self.number(size)
        made += b"\x86" + self.put() + b"cnumpy\ndtype\n" + self.put() + self.string(b"u1") + b"K\x00K\x01\x87"
        made += (
            self.put()
            + b"R"
            + self.put()
            + b"(K\x03"
            + self.string(b"|")
            + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t"
        )
        return made + self.put() + b"b\x89" + self.string(pixels.tobytes()) + b"t" + self.put() + b"b"

    def file(self, content: dict[bytes, object]) -> bytes:
        made = b"\x80\x02}" + self.put() + b"("
        for key, value in content.items():
            made += self.string(key)
            made += (
                self.array(value) if isinstance(value, np.ndarray)
                else self.list(value) if isinstance(value, list)
                else self.string(value)
            )  # fmt: skip
        return made + b"u."


def batch(seed: int, count: int, **labels: list[int]) -> dict[bytes, object]:
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 3072), dtype=np.uint8)
    names = [b"frog_s_%06d.png" % number for number in range(count)]
    lists = {key.encode(): value for key, value in labels.items()}
    return {b"batch_label": b"training batch 1 of 5", **lists, b"data": pixels, b"filenames": names}


def test_the_test_files_are_what_python_2_wrote(tmp_path: Path) -> None:
    content = Python2().file(batch(0, 3, labels=[1, 0, 2]))
    read = pickle.loads(content, encoding="bytes")  # made a line above: nothing foreign
    assert read[b"labels"] == [1, 0, 2]
    assert np.array_equal(read[b"data"], batch(0, 3)[b"data"])


def test_numbers_and_strings_are_picked_up_by_key(tmp_path: Path) -> None:
    labels = [number % 100 for number in range(2500)]  # in three parts
    (tmp_path / "a").write_bytes(Python2().file({b"labels": labels, b"names": [b"one", b"two"]}))
    assert read_lists(tmp_path / "a", frozenset({"labels", "names"})) == {"labels": labels, "names": ["one", "two"]}


def test_nothing_is_executed(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "executed",))

    (tmp_path / "a").write_bytes(pickle.dumps({"labels": [1, 2], "x": Trap()}, protocol=2))
    assert read_lists(tmp_path / "a", frozenset({"labels", "x"}))["labels"] == [1, 2]
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("content", [b"", b"\x80\x02}q\x01(U\x06lab", b"no pickle"])
def test_a_cut_file_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(HeadstartError, match=r"a could not be read \(.*\): delete it and download again"):
        read_lists(tmp_path / "a", frozenset({"labels"}))


def test_torchvisions_cifar10(tmp_path: Path, released: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    released("cifar10", {"train": 50, "test": 10})
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for seed, name in enumerate(cifar.MD5_10_PYTHON):
        content = Python2().file(batch(seed, 10, labels=list(range(10))))
        (folder / name).write_bytes(content)
        monkeypatch.setitem(cifar.MD5_10_PYTHON, name, hashlib.md5(content).hexdigest())
    for place in (tmp_path, folder):
        data = load_dataset(f"cifar10:{place}", val_fraction=0)
        assert data.test.labels.tolist() == list(range(10))
        pixels = np.asarray(batch(5, 10)[b"data"]).reshape(10, 3, 32, 32)
        assert np.array_equal(data.test.images.numpy(), pixels)
    (folder / "test_batch").write_bytes(Python2().file(batch(9, 10, labels=list(range(10)))))
    with pytest.raises(HeadstartError, match=r"test_batch was altered: expected MD5 \w+, got \w+; delete it"):
        load_dataset(f"cifar10:{tmp_path}")


def test_torchvisions_cifar100(tmp_path: Path, released: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    released("cifar100", {"train": 20, "test": 20})
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    fine, coarse = [number * 5 for number in range(20)], [number % 20 for number in range(20)]
    names = [b"kind%d" % number for number in range(100)]
    files = {
        "train": batch(0, 20, fine_labels=fine, coarse_labels=coarse),
        "test": batch(1, 20, coarse_labels=coarse, fine_labels=fine),
        "meta": {b"fine_label_names": names, b"coarse_label_names": [b"animals", b"things"]},
    }
    for name, made in files.items():
        content = Python2().file(made)
        (folder / name).write_bytes(content)
        monkeypatch.setitem(cifar.MD5_100_PYTHON, name, hashlib.md5(content).hexdigest())
    data = load_dataset(f"cifar100:{tmp_path}", val_fraction=0)
    assert data.test.labels.tolist() == fine
    assert data.classes == tuple(f"kind{number}" for number in range(100))
