"""How much memory a forward pass takes at its fullest.

On every device the same is counted: the model's weights and buffers, the images, and what PyTorch's allocator hands
out during the pass at the moment it has handed out most. What the libraries below keep for themselves (the CUDA
context, thread pools, oneDNN's scratch) is not PyTorch's to see and not counted; ``nvidia-smi`` and ``top`` show more.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.autograd.profiler import profile

__all__ = ["free_memory", "held_by", "memory_peak", "out_of_memory"]


def out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that there was not enough memory, on a GPU or on a CPU."""
    # On a CPU torch has no exception of its own for it.
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)


def held_by(model: nn.Module, images: Tensor) -> int:
    """Bytes of weights, buffers and images; what two names share is counted once."""
    tensors = [*model.parameters(), *model.buffers(), images]
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(storages.values())


def memory_peak(work: Callable[[], object], device: torch.device) -> int | None:
    """Bytes that one call of ``work`` holds at its fullest beyond what there was before; None where that can't be told.

    The call is slower than others: it is not for timing.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        work()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    return _peak_on_cpu(work) if device.type == "cpu" else None


def _peak_on_cpu(work: Callable[[], object]) -> int | None:
    # The CPU's allocator keeps no statistics; the profiler sees every allocation and release.
    with _without_trace_marks(), profile(profile_memory=True) as seen:
        work()
    if seen.kineto_results is None:
        return None
    events = (event for event in seen.kineto_results.events() if event.name() == "[memory]")
    changes = sorted((event.start_ns(), event.nbytes()) for event in events)
    now = top = 0
    for _, change in changes:
        now += change
        top = max(top, now)
    return top


@contextmanager
def _without_trace_marks() -> Iterator[None]:
    """What is written to the error stream meanwhile, without the profiler's own marks, in one piece afterwards.

    The profiler announces its start and end by lines ``USDT: …`` that nobody asked for, from C++.
    """
    with tempfile.TemporaryFile() as caught:
        kept = os.dup(2)
        try:
            os.dup2(caught.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            caught.seek(0)
            for line in caught:
                if not line.startswith(b"USDT:"):
                    os.write(2, line)


def free_memory(device: torch.device) -> int | None:
    """Bytes that may be had without pushing anything out; None where the system doesn't tell."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    except OSError:
        pass
    return None
