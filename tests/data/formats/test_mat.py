"""Against files that scipy.io.savemat wrote: one kept here, more made on the spot where scipy is installed."""

from __future__ import annotations

import base64
import struct
from pathlib import Path

import numpy as np
import pytest

from headstart.data.formats.mat import read_mat
from headstart.errors import HeadstartError

# X = arange(24) as uint8 (2, 2, 3, 2), y = [[10], [3]] as uint8, labels = [[1, 77, 102]] as double, text = "abc";
# scipy 1.17.1, do_compression=True.
HEADER = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"
FILE = HEADER + base64.b64decode(
    "DwAAAEAAAAB4nONjYGAIAGI2IOYAYk4GCGAFYgEgZoJiZijNCIQRULYESCEPmxATH4cIiwCXGCMvuzAzP6coqyC3OABIoAIcDwAAACkAAAB4nO"
    "NjYGAwAGI2IOYAYk4GCGCF8pmAmBGMGRkqwXwmBi5mBgYAGMsA8g8AAAA4AAAAeJzjY2BgCABiNiDmgNIgwArlMwIxM5QGyeUkJqXmFDMwcALZ"
    "Egww8MEeTDkEO4DphkgHAKm4BjoPAAAAKwAAAHic42NgYDAAYjYg5gBiFgYIYIXyGYGYGUyzMJSkVpQIAHmJSckMACjRA2U="
)


def test_numeric_arrays_are_read_and_text_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(FILE)
    arrays = read_mat(tmp_path / "a.mat")
    assert sorted(arrays) == ["X", "labels", "y"]
    assert arrays["X"].dtype == np.uint8
    assert np.array_equal(arrays["X"], np.arange(24).reshape(2, 2, 3, 2))
    assert arrays["y"].tolist() == [[10], [3]]
    assert arrays["labels"].dtype == np.float64 and arrays["labels"].tolist() == [[1, 77, 102]]


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("kind", ["u1", "i2", "u4", "f4", "f8", "i8"])
def test_as_scipy_writes_it(tmp_path: Path, compressed: bool, kind: str) -> None:
    io = pytest.importorskip("scipy.io")
    given = {"a": np.arange(35).reshape(5, 7).astype(kind), "long_name": np.ones((1, 1), kind)}
    io.savemat(tmp_path / "a.mat", given, do_compression=compressed)
    arrays = read_mat(tmp_path / "a.mat")
    for name, array in given.items():
        assert arrays[name].dtype == array.dtype
        assert np.array_equal(arrays[name], array)


def test_big_endian(tmp_path: Path) -> None:
    def element(kind: int, data: bytes) -> bytes:
        return struct.pack(">II", kind, len(data)) + data + bytes(-len(data) % 8)

    matrix = element(6, struct.pack(">II", 11, 0)) + element(5, struct.pack(">ii", 1, 2)) + element(1, b"v")
    matrix += element(4, struct.pack(">HH", 1, 258))
    header = b"text".ljust(124) + b"\1\0MI"
    (tmp_path / "a.mat").write_bytes(header + element(14, matrix))
    assert read_mat(tmp_path / "a.mat")["v"].tolist() == [[1, 258]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"a\.mat is no MATLAB file of level 5: .* got the end of the file"),
        (b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM", r"is no MATLAB file of level 5: .* got 00 02 49 4d"),
        (FILE[:132], r"a\.mat could not be read"),
        (FILE[:-3], r"a\.mat could not be read \(the file ends within an element\): delete it"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(HeadstartError, match=message):
        read_mat(tmp_path / "a.mat")
