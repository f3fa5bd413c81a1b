"""The rows of the verification study: error rates over seeds, and what a fusion gained over the better single one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from headstart.evaluation.verification import Entry, People, Verification, best, measure
from headstart.reporting.percent import percent, points
from headstart.training.statistics import mean_and_sd, paired_difference

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["cells", "fused_row", "single_row"]


def single_row(name: str, entries: Sequence[Entry], test: People) -> dict[str, Any]:
    """One model's rates, of each seed, with the layer and distance chosen for it and the sweep they come from."""
    genuine = test.pairs.genuine
    row = _rates(name, [measure(entry.test, genuine) for entry in entries])
    row["chosen"] = [{"layer": one.layer, "pool": one.pool, "distance": one.distance} for one in entries]
    row["swept"] = [
        [{"layer": one.layer, "pool": one.pool, "distance": one.distance, "eer": one.found.eer} for one in entry.swept]
        for entry in entries
    ]
    return row


def fused_row(
    name: str, scores: Sequence[Tensor], entries: Sequence[tuple[Entry, ...]], test: People
) -> dict[str, Any]:
    """A fusion's rates, of each seed, and the difference of its EER to that of the entry best in development.

    The difference has an interval where no model is in two of the fusions. Those of two seeds of an arm, seed 0 with 1,
    1 with 2 and 2 with 0, are not independent, and Student's interval of them would be too narrow.
    """
    genuine = test.pairs.genuine
    row = _rates(name, [measure(values, genuine) for values in scores])
    singles = [
        measure(min(together, key=lambda entry: best(entry.swept).found.eer).test, genuine).eer for together in entries
    ]
    row["better_single"] = singles
    row["difference"], interval = paired_difference(row["eer"], singles)
    apart = len({id(entry) for together in entries for entry in together}) == sum(map(len, entries))
    row["interval"] = interval if apart else None
    return row


def _rates(name: str, found: Sequence[Verification]) -> dict[str, Any]:
    mean, sd = mean_and_sd([one.eer for one in found])
    return {
        "name": name,
        "eer": [one.eer for one in found],
        "mean": mean,
        "sd": sd,
        "n": len(found),
        "frr_at_far": {f"{far:g}": [one.frr[far] for one in found] for far in found[0].frr},
        "genuine": found[0].genuine,
        "impostor": found[0].impostor,
    }


def cells(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the table, in percent and points."""
    chosen = row.get("chosen", [])
    return {
        "features": row["name"],
        "layer": _counted([one["layer"] for one in chosen if row["name"] != "pixels"]),
        "pooling": _counted([one["pool"] for one in chosen if row["name"] != "pixels"]),
        "distance": _counted([one["distance"] for one in chosen]),
        "EER, %": _percent(row["eer"]),
        **{f"FRR at {100 * float(far):g} % FAR, %": _percent(rates) for far, rates in row["frr_at_far"].items()},
        "n": row["n"],
        "fusion − better one, points of EER [95 % interval]": points(row.get("difference"), row.get("interval")),
    }


def _percent(rates: Sequence[float | None]) -> str:
    told = [rate for rate in rates if rate is not None]
    if len(told) < len(rates):
        return "cannot be told"
    return percent(*mean_and_sd(told))


def _counted(names: Sequence[str]) -> str:
    """What was chosen, and how often where seeds differ.

    >>> _counted(["blocks.1", "blocks.2", "blocks.1"]), _counted(["cosine"]), _counted([])
    ('blocks.1 (2), blocks.2 (1)', 'cosine', '–')
    """
    counts = Counter(names).most_common()
    if len(counts) < 2:
        return counts[0][0] if counts else "–"
    return ", ".join(f"{name} ({count})" for name, count in counts)
