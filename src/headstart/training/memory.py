"""Out of memory: find the batch size that would have fitted, and say it."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import nn

from headstart.data import Dataset, normalize
from headstart.errors import HeadstartError

__all__ = ["largest_fitting", "names_fitting_batch", "try_evaluation", "try_step"]


@contextmanager
def names_fitting_batch(key: str, batch_size: int, attempt: Callable[[int], object]) -> Iterator[None]:
    """Turn running out of memory inside into a word on the recipe's ``key`` that would have fitted.

    ``attempt(n)`` does with n images what is done inside, and is tried with smaller and smaller n.

    Raises :class:`~headstart.errors.HeadstartError` in place of torch's own error.
    """
    try:
        yield
    except RuntimeError as error:
        if not _no_memory(error):
            raise
        # The failed step's tensors live in the frames of its traceback: they have to go before anything is tried.
        traceback.clear_frames(error.__traceback__)
        gc.collect()
        fits = largest_fitting(attempt, batch_size)
        if fits is None:
            advice = "not even 1 does; use a smaller model or a device with more memory"
        else:
            advice = f"{fits} fits: --set {key}={fits}, with another --out"
        raise HeadstartError(f"{key} {batch_size} does not fit in memory; {advice}.") from None


def largest_fitting(attempt: Callable[[int], object], batch_size: int) -> int | None:
    """A batch size below ``batch_size`` that ``attempt`` has memory for, within an eighth of the largest; else None.

    Halving until one fits, then bisection between it and the smallest that did not.
    """
    failed, fits = batch_size, batch_size // 2
    while fits and not _fits(attempt, fits):
        failed, fits = fits, fits // 2
    while failed - fits > max(1, fits // 8):
        middle = (failed + fits) // 2
        if _fits(attempt, middle):
            fits = middle
        else:
            failed = middle
    return fits or None


def _fits(attempt: Callable[[int], object], batch_size: int) -> bool:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    try:
        attempt(batch_size)
    except RuntimeError as error:
        if not _no_memory(error):
            raise
        traceback.clear_frames(error.__traceback__)
        return False
    return True


def _no_memory(error: RuntimeError) -> bool:
    # On a CPU torch has no exception of its own for it.
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def try_step(model: nn.Module, optimizer: torch.optim.Optimizer, dataset: Dataset, batch_size: int) -> None:
    """The memory of a training step with ``batch_size`` images; nothing is learned."""
    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # The moments of AdamW, where the first step has not made them yet.
    moments = [] if optimizer.state else [torch.empty_like(weight) for weight in weights for _ in range(2)]
    model.train()
    try:
        logits = model(_blank(dataset, batch_size))
        F.cross_entropy(logits, logits.new_zeros(batch_size, dtype=torch.int64)).backward()
    finally:
        model.zero_grad()
        moments.clear()


@torch.inference_mode()
def try_evaluation(model: nn.Module, dataset: Dataset, batch_size: int) -> None:
    """The memory of classifying ``batch_size`` images."""
    model.eval()
    model(_blank(dataset, batch_size))


def _blank(dataset: Dataset, count: int) -> torch.Tensor:
    device = dataset.train.labels.device
    images = torch.zeros(count, *dataset.train.image_shape, dtype=torch.uint8, device=device)
    return normalize(images, dataset.mean, dataset.std)
