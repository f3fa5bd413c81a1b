"""The same small task for many images, by several threads, with a bar."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from headstart.data.say import count_progress

__all__ = ["in_parallel"]

CHUNK = 256  # results that may wait in memory

T = TypeVar("T")


def in_parallel(task: Callable[[int], T], count: int, word: str) -> Iterator[T]:
    """``task(0)`` … ``task(count − 1)`` in order, by several threads: Pillow decodes without Python's lock."""
    workers = min(32, os.cpu_count() or 1)
    with warnings.catch_warnings(), count_progress() as progress, ThreadPoolExecutor(workers) as pool:
        warnings.simplefilter("ignore")  # Pillow's, about odd metadata; what matters is raised
        bar = progress.add_task(f"{word} images", total=count)
        for start in range(0, count, CHUNK):
            for result in pool.map(task, range(start, min(start + CHUNK, count))):
                progress.advance(bar)
                yield result
