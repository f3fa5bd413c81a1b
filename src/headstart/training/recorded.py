"""What a step does on a GPU, recorded once and replayed: a small model's kernels are shorter than their launches.

A ViT-Tiny at 32 pixels asks for about two thousand kernels a step, each a few millionths of a second on the device and
several times that on the host. A CUDA graph launches all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from headstart.errors import HeadstartError, first_line
from headstart.evaluation.memory_peak import out_of_memory

__all__ = ["Recorded"]

WARMUP = 3  # ordinary calls before the recording: kernels are chosen and compiled, optimizers make their moments


class Recorded:
    """Calls ``function`` as it is three times, records the next call as a CUDA graph, and replays that from then on.

    The same kernels run on the same numbers, so results are those of ``function``; the host's work is a copy of each
    input and one launch. What is different from call to call has to be an input or lie in a tensor that is changed in
    place: a number of Python's, and whether something is done at all, stay as they were when they were recorded.
    Random numbers are drawn anew, from the state that the global generator has before each call.

    Args:
        function: of tensors of one shape each, or None; gives tensors, which the next call overwrites.
        what: for the error, in the middle of a sentence.

    Raises :class:`~headstart.errors.HeadstartError` for a function that can't be recorded, as one that reads a number
    from the device.
    """

    def __init__(self, function: Callable[..., tuple[Tensor, ...]], what: str) -> None:
        self.function, self.what, self.calls = function, what, 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.inputs: list[Tensor | None] = []
        self.outputs: tuple[Tensor, ...] = ()
        self.aside = torch.cuda.Stream()

    def __call__(self, *inputs: Tensor | None) -> tuple[Tensor, ...]:
        if self.graph is None:
            self.calls += 1
            if self.calls <= WARMUP:
                return self._as_it_is(inputs)
            self._record(inputs)
        for mine, given in zip(self.inputs, inputs, strict=True):
            if mine is not None and given is not None:
                mine.copy_(given, non_blocking=True)
        assert self.graph is not None
        self.graph.replay()
        return self.outputs

    def _as_it_is(self, inputs: tuple[Tensor | None, ...]) -> tuple[Tensor, ...]:
        # Not on the default stream, which PyTorch can't record on: libraries set themselves up for each stream.
        current = torch.cuda.current_stream()
        self.aside.wait_stream(current)
        with torch.cuda.stream(self.aside):
            outputs = self.function(*inputs)
        current.wait_stream(self.aside)
        return outputs

    def _record(self, inputs: tuple[Tensor | None, ...]) -> None:
        """Note what ``function`` does with copies of ``inputs``; nothing is done yet."""
        self.inputs = [None if each is None else each.clone() for each in inputs]
        graph = torch.cuda.CUDAGraph()
        try:
            # Threads that fetch images may go on with their own work in the meantime.
            with torch.cuda.graph(graph, stream=self.aside, capture_error_mode="thread_local"):
                self.outputs = self.function(*self.inputs)
        except RuntimeError as error:
            if out_of_memory(error):  # told by whoever knows the batch
                raise
            raise HeadstartError(
                f"{self.what} can't be recorded as a CUDA graph ({first_line(error)}); use --set graph=false with "
                "another --out, which launches its kernels one by one."
            ) from error
        self.graph = graph
