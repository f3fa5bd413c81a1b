"""How many images a second a model classifies, how long one waits for them, and what memory that takes."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from headstart.errors import HeadstartError, unknown
from headstart.evaluation.memory_peak import free_memory, held_by, memory_peak, out_of_memory
from headstart.evaluation.onnx_session import OnnxSession
from headstart.evaluation.precision import in_precision, need_precision
from headstart.evaluation.timing import Timing, Watch, images_to_time, in_evaluation, timed_passes, where

__all__ = ["WAYS", "throughput"]

WAYS = ("eager", "compiled", "onnx")


def throughput(
    model: nn.Module,
    image_shape: tuple[int, int, int],
    *,
    batch_sizes: Sequence[int] = (1, 8, 64),
    way: str = "eager",
    precision: str = "float32",
    device: str | torch.device | None = None,
    seconds: float = 2.0,
    least: int = 10,
    warmup: int = 20,
    memory: bool = True,
) -> list[Timing]:
    """Time forward passes of ``model`` for each batch size, from the smallest to the largest.

    For each size: one pass that loads kernels or compiles, then passes until they get no faster (or ``warmup`` of them,
    or for ``seconds``), none of them counted; then passes timed one by one for ``seconds``, and at least ``least`` of
    them. A pass is over when the device has done everything it was asked to. The images are noise and lie on the
    device: neither loading them nor normalising is counted.

    The size with the most images a second is marked ``best``. A size that does not fit in memory ends the sweep with a
    timing that has no numbers and says so in its ``note``; on a CPU, where trying would end the process, from the
    second size on by what the one before took.

    Args:
        model: comes back in the mode, on the device and with the weights that it had.
        image_shape: (C, H, W).
        batch_sizes: images in a pass.
        way: ``eager`` as PyTorch runs it; ``compiled`` by :func:`torch.compile` for each size (what else was compiled
            in this process is compiled anew at its next call); ``onnx``, exported and run by onnxruntime on the CPU.
        precision: ``float32``, or ``bfloat16`` with weights, images and everything between in it.
        device: where the model is, unless given.
        seconds: for each batch size.
        least: timed passes for each batch size.
        warmup: passes before those, at most.
        memory: whether to measure that too, by one more pass.

    Raises :class:`~headstart.errors.HeadstartError` for bad sizes, an unknown way or precision, a precision that the
    device does not have, a way that the model does not run in, and missing packages for ONNX.

    >>> timings = throughput(nn.Linear(4, 2), (3, 4, 4), batch_sizes=[2, 1], seconds=0.0, memory=False)
    >>> [(timing.batch_size, len(timing.seconds)) for timing in timings]
    [(1, 10), (2, 10)]
    """
    sizes = sorted(set(batch_sizes))
    if not sizes or sizes[0] < 1:
        raise HeadstartError(f"batch sizes: expected numbers of at least 1, got {list(batch_sizes)}.")
    if least < 1:
        raise HeadstartError(f"least: expected at least 1 timed pass, got {least}.")
    at = where(model) if device is None else torch.device(device)
    made: list[Timing] = []
    with _ready(model, image_shape, way, precision, at) as (forward, dtype):

        def timing(size: int) -> Timing:
            images = images_to_time(size, image_shape, at).to(dtype)
            work = partial(forward(), images)
            taken = timed_passes(work, Watch(at), seconds, least, warmup)
            peak = memory_peak(work, at) if memory and way != "onnx" else None
            total = None if peak is None else peak + held_by(model, images)
            return Timing(size, taken, precision, way, total)

        for size in sizes:
            try:
                note = _foretold(made, size, at)
                made.append(Timing(size, (), precision, way, note=note) if note else timing(size))
            except (RuntimeError, MemoryError) as error:
                # The failed pass's tensors live in the frames of its traceback.
                traceback.clear_frames(error.__traceback__)
                gc.collect()
                if not out_of_memory(error):
                    reason = str(error).strip().partition("\n")[0]
                    words = f"{type(model).__name__} does not run {way} in {precision} on {at.type}: {reason}"
                    raise HeadstartError(words) from error
                made.append(Timing(size, (), precision, way, note="out of memory"))
            if made[-1].note:
                break
    if at.type == "cuda":
        torch.cuda.empty_cache()
    best = max((one.images_per_second for one in made if one.seconds), default=None)
    several = sum(bool(one.seconds) for one in made) > 1
    return [replace(one, best=several and one.images_per_second == best) for one in made]


Forward = Callable[[Tensor], Tensor]


@contextmanager
def _ready(
    model: nn.Module, image_shape: tuple[int, int, int], way: str, precision: str, at: torch.device
) -> Iterator[tuple[Callable[[], Forward], torch.dtype]]:
    """What makes, for each batch size, the function to time; and the type that it takes."""
    if way not in WAYS:
        raise unknown("way to run a model", way, WAYS)
    dtype = need_precision(precision, at)
    if way == "onnx":
        if at.type != "cpu" or precision != "float32":
            raise HeadstartError(f"onnx is timed on the CPU in float32, got {at.type} and {precision}.")
        session = OnnxSession(model, image_shape)
        yield (lambda: session), dtype
        return

    def compiled() -> Forward:
        # Beyond a handful of sizes and precisions PyTorch would silently stop compiling.
        torch.compiler.reset()
        return torch.compile(model, dynamic=False)

    with in_evaluation(model, at), in_precision(model, dtype):
        yield compiled if way == "compiled" else (lambda: model), dtype


def _foretold(made: list[Timing], size: int, at: torch.device) -> str:
    """Why ``size`` images need not be tried: a CPU that runs out of memory ends the process. Empty if they may be."""
    if at.type != "cpu" or not made or made[-1].memory is None:
        return ""
    free, expected = free_memory(at), made[-1].memory * size // made[-1].batch_size
    if free is None or expected < free:
        return ""
    return f"not tried: would take up to {expected / 2**30:.1f} GiB, {free / 2**30:.1f} GiB are free"
