"""Out of memory: find what would have fitted, and say it."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import Optimizer

from headstart.data import Dataset, normalize
from headstart.errors import HeadstartError
from headstart.evaluation.memory_peak import out_of_memory

__all__ = ["largest_fitting", "names_fitting_batch", "names_fitting_runs", "try_evaluation", "try_step"]


@contextmanager
def names_fitting_batch(
    key: str, size: int, attempt: Callable[[int], object], *, pieces: int = 1, accumulate: int | None = None
) -> Iterator[None]:
    """Turn running out of memory inside into a word on the recipe's ``key`` that would have fitted.

    Args:
        key: of the recipe.
        size: images that go through the model at once inside.
        attempt: ``attempt(n)`` does with n images what is done inside, and is tried with smaller and smaller n.
        pieces: how many of that size make up the recipe's number.
        accumulate: the recipe's, where more parts are another way out.

    Raises :class:`~headstart.errors.HeadstartError` in place of torch's own error.
    """

    def told(fits: int | None) -> str:
        if fits is None:
            return (
                f"{key} {size * pieces} does not fit in memory; not even 1 at a time does; use a smaller model or a "
                "device with more memory."
            )
        advice = f"{fits * pieces} fits: --set {key}={fits * pieces}"
        if accumulate is not None:
            parts = next(n for n in range(2, size + 1) if size % n == 0 and size // n <= fits)
            advice += f", or --set accumulate={accumulate * parts} for the same batch in smaller parts"
        return f"{key} {size * pieces} does not fit in memory; {advice}, with another --out."

    with _out_of_memory(size, attempt, told):
        yield


@contextmanager
def names_fitting_runs(count: int, attempt: Callable[[int], object]) -> Iterator[None]:
    """Turn running out of memory with ``count`` runs at once into a word on how many would have fitted.

    Raises :class:`~headstart.errors.HeadstartError` in place of torch's own error.
    """

    def told(fits: int | None) -> str:
        if fits is None or fits < 2:
            return f"{count} runs at once do not fit in memory, and neither do 2; leave --together out."
        return f"{count} runs at once do not fit in memory; {fits} do: --together {fits}, with another --out."

    with _out_of_memory(count, attempt, told):
        yield


@contextmanager
def _out_of_memory(size: int, attempt: Callable[[int], object], told: Callable[[int | None], str]) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        # The failed step's tensors live in the frames of its traceback: they have to go before anything is tried.
        traceback.clear_frames(error.__traceback__)
        gc.collect()
        raise HeadstartError(told(largest_fitting(attempt, size))) from None


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
        if not out_of_memory(error):
            raise
        traceback.clear_frames(error.__traceback__)
        return False
    return True


def try_step(model: nn.Module, optimizers: Sequence[Optimizer], dataset: Dataset, batch_size: int) -> None:
    """The memory of a training step with ``batch_size`` images; nothing is learned."""
    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # The moments of AdamW, where the first step has not made them yet.
    moments = (
        []
        if any(optimizer.state for optimizer in optimizers)
        else [torch.empty_like(weight) for weight in weights for _ in range(2)]
    )
    model.train()
    try:
        logits = model(_blank(model, dataset, batch_size))
        F.cross_entropy(logits, logits.new_zeros(batch_size, dtype=torch.int64)).backward()
    finally:
        model.zero_grad()
        moments.clear()


@torch.inference_mode()
def try_evaluation(model: nn.Module, dataset: Dataset, batch_size: int) -> None:
    """The memory of classifying ``batch_size`` images."""
    model.eval()
    model(_blank(model, dataset, batch_size))


def _blank(model: nn.Module, dataset: Dataset, count: int) -> torch.Tensor:
    device = next(model.parameters()).device
    images = torch.zeros(count, *dataset.train.image_shape, dtype=torch.uint8, device=device)
    return normalize(images, dataset.mean, dataset.std)
