"""What corruptions did to the arms of a comparison, over seeds, with differences to the first arm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from headstart.evaluation.corruptions import CorruptionResult
from headstart.training.statistics import mean_and_sd, paired_difference

__all__ = ["MEASURES", "corruption_summary"]

MEASURES = (
    "clean_accuracy",
    "corruption_accuracy",
    "corruption_error",
    "gap",
    "clean_ece",
    "corruption_ece",
    "mce",
    "relative_mce",
)

Results = Mapping[int, CorruptionResult]  # by seed


def corruption_summary(arms: Mapping[str, Results]) -> dict[str, Any]:
    """Every arm's numbers, from the results of its seeds; all results are of the same images and corruptions.

    Returns:
        JSON values: ``suite``, ``source``, ``frost``, ``images``, ``pixels``, ``severities``, ``corruptions``, and
        ``arms``; of each its ``name``, ``seeds``, ``n``, ``measures`` and ``by_corruption`` (``mean`` and ``sd`` over
        seeds, ``difference`` to the first arm and its 95 % ``interval``, paired by seed; None where the seeds are not
        the same ones), ``cells`` (mean accuracy at each severity) and ``runs``.
    """
    first = next(iter(arms.values()))
    one = next(iter(first.values()))
    names = list(one.accuracy)
    rows = []
    for arm, results in arms.items():
        reference = first if results is not first and list(results) == list(first) else None
        rows.append(
            {
                "name": arm,
                "seeds": list(results),
                "n": len(results),
                "measures": {name: _over_seeds(partial(_measure, name), results, reference) for name in MEASURES},
                "by_corruption": {name: _over_seeds(partial(_mean, name), results, reference) for name in names},
                "cells": {name: _cells(name, results) for name in names},
                "runs": [{"seed": seed, **result.to_dict()} for seed, result in results.items()],
            }
        )
    return {
        **{name: getattr(one, name) for name in ("suite", "source", "frost", "images")},
        "pixels": list(one.pixels),
        "severities": list(one.severities),
        "corruptions": names,
        "arms": rows,
    }


def _measure(name: str, result: CorruptionResult) -> float | None:
    return getattr(result, name)


def _mean(name: str, result: CorruptionResult) -> float:
    return mean_and_sd(result.accuracy[name])[0]


def _cells(name: str, results: Results) -> list[float]:
    columns = zip(*(result.accuracy[name] for result in results.values()), strict=True)
    return [mean_and_sd(column)[0] for column in columns]


def _over_seeds(
    read: Callable[[CorruptionResult], float | None], results: Results, reference: Results | None
) -> dict[str, Any] | None:
    values = [value for result in results.values() if (value := read(result)) is not None]
    if len(values) < len(results):  # a measure that this suite does not have
        return None
    mean, sd = mean_and_sd(values)
    difference, interval = None, None
    if reference is not None:
        others = [value for result in reference.values() if (value := read(result)) is not None]
        difference, interval = paired_difference(values, others)
    return {"mean": mean, "sd": sd, "difference": difference, "interval": interval}
