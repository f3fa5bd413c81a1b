"""Small images as files, and public datasets that take a handful of them for the official ones."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from headstart.data import download
from headstart.data.source import Source
from headstart.data.sources import SOURCES


def encoded(seed: int = 0, size: tuple[int, int] = (12, 12), mode: str = "RGB", kind: str = "PNG") -> bytes:
    """An image of random pixels in a file of ``kind``; size is (width, height)."""
    channels = {"RGB": (3,), "RGBA": (4,), "L": (), "LA": (2,)}[mode]
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], *channels), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def mat(arrays: dict[str, np.ndarray]) -> bytes:
    """A MATLAB file of level 5 of two-dimensional (or larger) bytes, as the format's description says."""

    def element(kind: int, data: bytes) -> bytes:
        return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)

    content = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"
    for name, array in arrays.items():
        matrix = element(6, struct.pack("<II", 9, 0)) + element(5, np.array(array.shape, "<i4").tobytes())
        matrix += element(1, name.encode()) + element(2, array.astype(np.uint8).tobytes(order="F"))
        content += element(14, matrix)
    return content


@pytest.fixture(name="mat")
def mat_fixture() -> Callable[[dict[str, np.ndarray]], bytes]:
    return mat


@pytest.fixture(name="encoded")
def encoded_fixture() -> Callable[..., bytes]:
    return encoded


@pytest.fixture(autouse=True)
def own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the cache of the person who runs it, or waits for a server."""
    monkeypatch.setattr(download, "PAUSE_S", 0.0)
    monkeypatch.setenv("HEADSTART_DATA", str(tmp_path / "root"))
    return tmp_path / "root"


@pytest.fixture
def photos(tmp_path: Path) -> Callable[..., Path]:
    """Make a folder with one folder per class: ``photos({"cat": 4, "train/dog": 2})``."""

    def make(classes: dict[str, int], name: str = "photos", **kind: Any) -> Path:
        seed = 0
        for folder, count in classes.items():
            for number in range(count):
                seed += 1
                write(tmp_path / name / folder / f"{number}.png", encoded(seed, **kind))
        return tmp_path / name

    return make


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Source]:
    """Let the registry hold a smaller release of a dataset: other counts, no checksums, files from elsewhere."""

    def change(name: str, counts: dict[str, int], **changes: Any) -> Source:
        unchecked = tuple(replace(f, checksum=None, size=None, content=None) for f in SOURCES[name].files)
        files = changes.pop("files", unchecked)
        # Other images have other statistics: computed, unless a test asks for the published ones.
        source = replace(SOURCES[name], counts=counts, files=files, **{"mean": None, "std": None, **changes})
        monkeypatch.setitem(SOURCES, name, source)
        return source

    return change
