"""The idx format of MNIST, plain or gzipped: arrays of bytes with their shape in front."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from headstart.errors import HeadstartError

__all__ = ["read_idx"]

UNSIGNED_BYTE = 0x08


def read_idx(path: Path) -> np.ndarray:
    """The array in an idx file of unsigned bytes.

    Layout: two zero bytes, one for the type (0x08), one for the number of axes, the length of each axis as a
    big-endian 32-bit number, then the values, the last axis fastest.

    Raises:
        HeadstartError: if the file is not gzipped although it says so, is no idx file of bytes, or was cut.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise HeadstartError(f"{path} could not be unpacked ({error}): delete it and load again") from error
    if len(content) < 4 or content[:3] != bytes([0, 0, UNSIGNED_BYTE]):
        raise HeadstartError(
            f"{path} is no idx file of bytes: expected it to begin with 00 00 08, "
            f"got {content[:3].hex(' ') or 'nothing'}"
        )
    axes = content[3]
    start = 4 + 4 * axes
    if len(content) < start:
        raise HeadstartError(f"{path} is not whole: it ends within its header; delete it and load again")
    shape = struct.unpack(f">{axes}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise HeadstartError(
            f"{path} is not whole: expected {math.prod(shape):,} values of shape {shape}, "
            f"got {len(content) - start:,}; delete it and load again"
        )
    return np.frombuffer(bytearray(content), dtype=np.uint8, offset=start).reshape(shape)
