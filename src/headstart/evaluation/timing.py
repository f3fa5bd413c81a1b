"""How long a forward pass takes: the numbers of a timing, and the watch that takes them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from headstart.errors import HeadstartError

__all__ = ["Timing", "Watch", "images_to_time", "in_evaluation", "timed_passes", "where"]

STABLE = 0.97  # warm once three passes are not faster than the three before them by more than that


@dataclass(frozen=True)
class Timing:
    """Forward passes of one batch size, timed one by one.

    Args:
        batch_size: images in each pass.
        seconds: of each timed pass, in the order they were made; empty where nothing could be timed.
        precision: ``float32`` or ``bfloat16``.
        way: ``eager``, ``compiled`` or ``onnx``.
        memory: bytes, see :mod:`headstart.evaluation.memory_peak`; None where it can't be told.
        best: whether this batch size gave the most images a second of its sweep.
        note: why there is no timing.
    """

    batch_size: int
    seconds: tuple[float, ...]
    precision: str = "float32"
    way: str = "eager"
    memory: int | None = None
    best: bool = False
    note: str = ""

    @property
    def images_per_second(self) -> float:
        """Images over the median of the passes' seconds; not a number where nothing could be timed.

        >>> Timing(8, (0.1, 0.4, 0.2)).images_per_second
        40.0
        """
        return self.batch_size / statistics.median(self.seconds) if self.seconds else float("nan")

    def milliseconds(self, percentile: float) -> float:
        """The time within which ``percentile`` per cent of the passes were over, between neighbours linearly.

        >>> Timing(8, (0.001, 0.003, 0.002)).milliseconds(50)
        2.0
        """
        if not self.seconds:
            return float("nan")
        ordered = sorted(self.seconds)
        place = percentile / 100 * (len(ordered) - 1)
        low = min(int(place), len(ordered) - 2) if len(ordered) > 1 else 0
        high = min(low + 1, len(ordered) - 1)
        return 1e3 * (ordered[low] + (place - low) * (ordered[high] - ordered[low]))

    def times_as_fast_as(self, other: Timing) -> float:
        """Median over rounds of how many times as many images a second this one made as ``other`` in that round.

        Both have to come from one :func:`~headstart.evaluation.side_by_side`: what else the machine did in a round
        slowed both. Raises :class:`~headstart.errors.HeadstartError` when they have not as many rounds.

        >>> Timing(8, (1.0, 2.0, 3.0)).times_as_fast_as(Timing(8, (2.0, 4.0, 3.0)))
        2.0
        """
        if len(self.seconds) != len(other.seconds) or not self.seconds:
            raise HeadstartError(
                f"ratios need timings of the same rounds, got {len(self.seconds)} and {len(other.seconds)} of them; "
                "time both in one call of side_by_side."
            )
        ratios = (theirs / ours for ours, theirs in zip(self.seconds, other.seconds, strict=True))
        return statistics.median(ratios) * self.batch_size / other.batch_size

    def as_json(self) -> dict[str, Any]:
        """The numbers, None for those that could not be taken."""
        row: dict[str, Any] = {"way": self.way, "precision": self.precision, "batch_size": self.batch_size}
        timed = bool(self.seconds)
        row["images_per_second"] = round(self.images_per_second, 2) if timed else None
        row["milliseconds"] = {f"p{p}": round(self.milliseconds(p), 4) if timed else None for p in (50, 90, 99)}
        return row | {"passes": len(self.seconds), "memory": self.memory, "best": self.best, "note": self.note}


class Watch:
    """Seconds of a call, from before it until the device has done all that the call asked of it."""

    def __init__(self, device: torch.device) -> None:
        self.cuda = device if device.type == "cuda" else None

    def wait(self) -> None:
        if self.cuda is not None:
            torch.cuda.synchronize(self.cuda)

    def __call__(self, work: Callable[[], object]) -> float:
        self.wait()
        start = time.perf_counter()
        work()
        self.wait()
        return time.perf_counter() - start


def timed_passes(
    work: Callable[[], object], watch: Watch, seconds: float, least: int, warmup: int
) -> tuple[float, ...]:
    """Seconds of each pass, after one that loads kernels or compiles and up to ``warmup`` that bring up the speed.

    Passes are made for ``seconds``, and at least ``least`` of them.
    """
    work()
    warm: list[float] = []
    while len(warm) < warmup and sum(warm) < seconds:
        warm.append(watch(work))
        if len(warm) >= 6 and min(warm[-3:]) > STABLE * min(warm[-6:-3]):
            break
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while len(taken) < least or time.perf_counter() < end:
        taken.append(watch(work))
    return tuple(taken)


def images_to_time(batch_size: int, image_shape: Sequence[int], device: torch.device) -> Tensor:
    """Images (batch_size, C, H, W) of standard normal noise, on one device at every call the same.

    Not zeros: a GPU draws less power on those, and then runs faster than it ever does on pictures.
    """
    return torch.randn(batch_size, *image_shape, generator=torch.Generator(device).manual_seed(0), device=device)


@contextmanager
def in_evaluation(model: nn.Module, device: torch.device) -> Iterator[None]:
    """The model on ``device``, in evaluation mode and without gradients; afterwards where and how it was."""
    training = {module: module.training for module in model.modules()}
    home = where(model)
    try:
        model.to(device).eval()
        with torch.no_grad():
            yield
    finally:
        model.to(home)
        for module, mode in training.items():
            module.training = mode


def where(model: nn.Module) -> torch.device:
    """The device of a model's first weight or buffer; the CPU for one that has neither."""
    for held in (*model.parameters(), *model.buffers()):
        return held.device
    return torch.device("cpu")
