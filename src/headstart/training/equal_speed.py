"""How many tokens a rival may keep to be as fast as the model it is compared with, by measured speed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from torch import nn

from headstart.evaluation import Timing, side_by_side

__all__ = ["as_fast_as", "scaled", "time_together"]

SECONDS = 3.0  # of measuring for each number of tokens that is tried
FEWEST, MOST = 8, 64  # rounds of it


def scaled(keep: Sequence[float], first: int, patches: int) -> list[float]:
    """Shares like ``keep``, all more or all fewer, of which the first leaves ``first`` of the ``patches`` tokens.

    >>> scaled([0.5, 0.25], 40, 64)
    [0.625, 0.3125]
    """
    counts = [max(1, min(first, round(first * share / keep[0]))) for share in keep]
    return [count / patches for count in counts]


def time_together(
    models: dict[str, nn.Module], image_shape: tuple[int, int, int], batch_size: int, seconds: float = SECONDS
) -> dict[str, Timing]:
    """Time ``models``, where they are, in turn, for about ``seconds``."""
    trial = side_by_side(models, image_shape, batch_size=batch_size, rounds=2, warmup=1)
    each = sum(min(timing.seconds) for timing in trial.values())
    rounds = max(FEWEST, math.ceil(min(seconds / each, MOST)))
    return side_by_side(models, image_shape, batch_size=batch_size, rounds=rounds, warmup=1)


def as_fast_as(
    reference: nn.Module,
    make: Callable[[list[float]], nn.Module],
    keep: Sequence[float],
    patches: int,
    image_shape: tuple[int, int, int],
    batch_size: int,
    measure: Callable[[nn.Module, list[nn.Module]], list[float]] | None = None,
) -> list[float]:
    """The shares with which ``make(shares)`` is as fast as ``reference``.

    Bisection over the number of tokens behind the first place, from 1 to all ``patches``, the other places in
    proportion to ``keep``; both models are timed in one loop for each number. A machine that is busy with other things
    can lead a bisection astray, so the number found and its neighbours are then timed once more, all in one loop with
    the reference, and the one nearest to it is taken. How near is not told: the best of several noisy ratios looks
    better than it is, so the one to report has to be measured afresh.

    Args:
        reference: the model to be as fast as.
        make: the rival, slimmed to the shares it is given.
        keep: the reference's shares.
        patches: tokens of the grid.
        image_shape: (C, H, W).
        batch_size: of the timed passes.
        measure: how many times as fast as the reference each of some models is; by the clock unless given.
    """

    def timed(reference: nn.Module, rivals: list[nn.Module]) -> list[float]:
        models = {"reference": reference, **{str(index): rival for index, rival in enumerate(rivals)}}
        timings = time_together(models, image_shape, batch_size, SECONDS * len(rivals))
        return [timings[str(index)].times_as_fast_as(timings["reference"]) for index in range(len(rivals))]

    def speeds(counts: Sequence[int]) -> list[float]:
        rivals = [make(scaled(keep, count, patches)) for count in counts]
        return (measure or timed)(reference, rivals)

    low, high = 1, patches
    while low < high:  # the largest number that is not slower, or 1
        middle = (low + high + 1) // 2
        low, high = (middle, high) if speeds([middle])[0] >= 1 else (low, middle - 1)
    near = [count for count in range(low - 1, low + 3) if 1 <= count <= patches]
    best = min(zip(speeds(near), near, strict=True), key=lambda found: abs(math.log(found[0])))
    return scaled(keep, best[1], patches)
