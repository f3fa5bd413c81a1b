"""The Python version of CIFAR, which torchvision downloads, read without unpickling it.

A pickle is a list of instructions for a small machine that may call any function. Here none is carried out: the
instructions are only listed, and the numbers and strings among them picked up. That is enough for files whose
content is one dictionary of lists of numbers, lists of names, and one array of bytes.
"""

from __future__ import annotations

import pickletools
from pathlib import Path

from headstart.errors import HeadstartError

__all__ = ["read_lists"]


def read_lists(path: Path, keys: frozenset[str]) -> dict[str, list[int | str]]:
    """What follows each of the ``keys`` in a pickle, up to the next one: its numbers and strings, in order.

    Bytes, as Python 2 wrote them, come as strings of one character each (Latin-1).

    Args:
        path: a file written with pickle protocol 1 or 2 by Python 2.
        keys: all keys that the dictionary has.

    Raises:
        HeadstartError: if the file is no pickle or was cut.
    """
    found: dict[str, list[int | str]] = {}
    current: list[int | str] = []
    try:
        for opcode, value, _ in pickletools.genops(path.read_bytes()):
            # PUT, GET and PROTO carry numbers too, which are places in the machine's memory.
            if opcode.name.endswith(("PUT", "GET")) or opcode.name in ("PROTO", "GLOBAL", "FRAME"):
                continue
            if isinstance(value, str) and value in keys:
                current = found.setdefault(value, [])
            elif isinstance(value, int | str):
                current.append(value)
    except (ValueError, IndexError) as error:
        raise HeadstartError(f"{path} could not be read ({error}): delete it and download again") from error
    return found
