from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from headstart.data.formats.idx import read_idx
from headstart.errors import HeadstartError


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype("u1").tobytes()


ARRAY = np.arange(24).reshape(2, 3, 4)


def test_plain_and_gzipped_are_the_same_array(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(idx(ARRAY))
    (tmp_path / "a.gz").write_bytes(gzip.compress(idx(ARRAY)))
    assert np.array_equal(read_idx(tmp_path / "a"), ARRAY)
    assert np.array_equal(read_idx(tmp_path / "a.gz"), ARRAY)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a", b"", r"a is no idx file of bytes: expected it to begin with 00 00 08, got nothing"),
        ("a", b"\0\0\x0d\1rest", r"got 00 00 0d"),
        ("a", idx(ARRAY)[:10], r"a is not whole: it ends within its header"),
        ("a", idx(ARRAY)[:-1], r"a is not whole: expected 24 values of shape \(2, 3, 4\), got 23; delete it"),
        ("a.gz", idx(ARRAY), r"a\.gz could not be unpacked \(Not a gzipped file"),
        # without the time, as the bytes are part of the test's name, which every process has to find alike
        ("a.gz", gzip.compress(idx(ARRAY), mtime=0)[:-12], r"a\.gz could not be unpacked"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(HeadstartError, match=message):
        read_idx(tmp_path / name)
