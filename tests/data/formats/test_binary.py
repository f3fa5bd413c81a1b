from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from headstart.data.formats.binary import read_planes, read_records
from headstart.errors import HeadstartError


def test_a_record_is_labels_then_planes(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(bytes([9, 4, *range(12), 9, 5, *range(12, 24)]))
    split = read_records(file, label_bytes=2, size=2)
    assert split.labels.tolist() == [4, 5]
    assert split.images[1, 2].tolist() == [[20, 21], [22, 23]]


@pytest.mark.parametrize("content", [b"", bytes(12)])
def test_records_that_are_not_whole_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.bin").write_bytes(content)
    message = rf"a\.bin is not whole: expected records of 13 bytes, got {len(content)} bytes; delete it"
    with pytest.raises(HeadstartError, match=message):
        read_records(tmp_path / "a.bin", label_bytes=1, size=2)


def test_planes_run_down_the_columns_and_labels_count_from_one(tmp_path: Path) -> None:
    images = np.arange(2 * 3 * 2 * 2, dtype=np.uint8).reshape(2, 3, 2, 2)
    (tmp_path / "X").write_bytes(images.transpose(0, 1, 3, 2).tobytes())
    (tmp_path / "y").write_bytes(bytes([10, 1]))
    split = read_planes(tmp_path / "X", tmp_path / "y", size=2)
    assert np.array_equal(split.images.numpy(), images)
    assert split.labels.tolist() == [9, 0]
    (tmp_path / "y").write_bytes(bytes([1]))
    with pytest.raises(HeadstartError, match=r"expected 2 labels in .*y, one for each image, got 1"):
        read_planes(tmp_path / "X", tmp_path / "y", size=2)
