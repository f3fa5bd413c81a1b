"""Which of several models is faster: all timed in one loop, pass by pass in turn."""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial

import torch
from torch import nn

from headstart.errors import HeadstartError
from headstart.evaluation.timing import Timing, Watch, images_to_time, in_evaluation, where

__all__ = ["side_by_side"]


def side_by_side(
    models: Mapping[str, nn.Module],
    image_shape: tuple[int, int, int],
    *,
    batch_size: int = 8,
    rounds: int = 30,
    warmup: int = 3,
    device: str | torch.device | None = None,
) -> dict[str, Timing]:
    """Time several models against each other on a machine that does other things too.

    In each of ``rounds`` every model makes two forward passes on the same images, of which the second is timed: the
    first brings back its weights and kernels, which the model before it pushed out. Each round has its own order, the
    same at every call: in one order, a model that always came behind a large one, which leaves the caches full of its
    own, was up to 7 % slower than elsewhere. What slows the machine for a while slows all of them. ``seconds[i]`` of
    each timing is of round i; ``timings[a].times_as_fast_as(timings[b])`` is the median of the ratios within rounds.

    Args:
        models: by the names that the timings are to have.
        image_shape: (C, H, W).
        batch_size: images in each pass.
        rounds: timed ones.
        warmup: rounds before those, not counted.
        device: where to run; where the first model is, unless given. The models go back to where they were.

    Raises :class:`~headstart.errors.HeadstartError` for no models, or a batch size or rounds below one.

    >>> models = {"one": nn.Flatten(), "other": nn.Flatten()}
    >>> timings = side_by_side(models, (3, 4, 4), rounds=5)
    >>> len(timings["one"].seconds), timings["one"].times_as_fast_as(timings["other"]) > 0
    (5, True)
    """
    if not models:
        raise HeadstartError("expected at least one model to time, got none.")
    for name, number, least in (("batch_size", batch_size, 1), ("rounds", rounds, 1), ("warmup", warmup, 0)):
        if number < least:
            raise HeadstartError(f"{name}: expected at least {least}, got {number}.")
    order, chance = list(models), random.Random(0)
    at = where(models[order[0]]) if device is None else torch.device(device)
    images, watch = images_to_time(batch_size, image_shape, at), Watch(at)
    seconds: dict[str, list[float]] = {name: [] for name in models}
    with ExitStack() as stack:
        for model in models.values():
            stack.enter_context(in_evaluation(model, at))
        for number in range(-warmup, rounds):
            chance.shuffle(order)
            for name in order:
                models[name](images)
                taken = watch(partial(models[name], images))
                if number >= 0:
                    seconds[name].append(taken)
    return {name: Timing(batch_size, tuple(taken)) for name, taken in seconds.items()}
