"""MATLAB's level 5 files, as SVHN and Flowers-102 use them: numeric arrays by name.

The format is described in MathWorks' "MAT-File Format". A file is a header of 128 bytes and then elements, each a
type, a length and its bytes, padded to 8. A compressed element holds one other element.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from headstart.errors import HeadstartError

__all__ = ["read_mat"]

HEADER = 128
MATRIX, COMPRESSED = 14, 15
# Types of stored numbers. A matrix of doubles may be stored as bytes where all its values fit.
STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
# Classes of numeric matrices; the others are cells, structures, text, sparse ones.
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}


def read_mat(path: Path) -> dict[str, np.ndarray]:
    """All numeric arrays of a file, in MATLAB's own (column-major) shape. Other kinds of variables are left out.

    Raises:
        HeadstartError: if the file is damaged, or is of level 7.3 (which is HDF5) or 4.
    """
    content = path.read_bytes()
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None or content[124:126] not in (b"\0\1", b"\1\0"):
        raise HeadstartError(
            f"{path} is no MATLAB file of level 5: expected its mark at byte 124, "
            f"got {content[124:128].hex(' ') or 'the end of the file'}"
        )
    arrays = {}
    try:
        for kind, data in _elements(content[HEADER:], order):
            if kind == COMPRESSED:
                kind, data = next(_elements(zlib.decompress(data), order))
            if kind == MATRIX:
                name, array = _matrix(data, order)
                if array is not None:
                    arrays[name] = array
    except (struct.error, zlib.error, StopIteration, ValueError, KeyError) as error:
        raise HeadstartError(f"{path} could not be read ({error}): delete it and load again") from error
    return arrays


def _elements(content: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(content):
        kind, length = struct.unpack_from(f"{order}II", content, position)
        if kind >> 16:  # a small element: type and length share four bytes, up to four of data follow
            kind, length, start, step = kind & 0xFFFF, kind >> 16, position + 4, 8
        else:
            # Compressed elements alone are not padded.
            start, step = position + 8, 8 + (length if kind == COMPRESSED else -(-length // 8) * 8)
        data = content[start : start + length]
        if len(data) != length:
            raise ValueError("the file ends within an element")
        yield kind, data
        position += step


def _matrix(data: bytes, order: str) -> tuple[str, np.ndarray | None]:
    elements = _elements(data, order)
    flags = struct.unpack_from(f"{order}I", next(elements)[1])[0]
    shape = np.frombuffer(next(elements)[1], dtype=f"{order}i4")
    name = next(elements)[1].decode("ascii")
    target = CLASSES.get(flags & 0xFF)
    if target is None or flags & 0x800:  # bit 11: complex
        return name, None
    kind, values = next(elements)
    stored = np.frombuffer(values, dtype=f"{order}{STORED[kind]}")
    return name, stored.reshape(shape, order="F").astype(target)
