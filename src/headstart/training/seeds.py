"""One seed, many independent streams: what a run draws depends on (seed, purpose, pass) and on nothing else.

So arms at equal seed see the same images in the same order, and a resumed run needs no saved random state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["generator", "seeded", "stream_seed"]


def stream_seed(seed: int, purpose: str, number: int = 0) -> int:
    """A 63-bit seed for one stream, the first bits of SHA-256 of ``seed/purpose/number``."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{number}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, purpose: str, number: int = 0, device: torch.device | str = "cpu") -> torch.Generator:
    """A fresh generator on ``device`` at the start of that stream."""
    return torch.Generator(device).manual_seed(stream_seed(seed, purpose, number))


@contextmanager
def seeded(seed: int, purpose: str, number: int = 0) -> Iterator[None]:
    """The global random state at the start of that stream inside, and as it was before outside.

    For what draws from the global state, as torch's layers do when they are built and in stochastic depth.
    """
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(stream_seed(seed, purpose, number))
        yield
