"""What the study of spatial filters says of an arm: its accuracy, and what its trained filters span."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import load_file

from headstart.data import Dataset
from headstart.models import FilterRank, filter_ranks
from headstart.models.filters import SPATIAL
from headstart.reporting.percent import percent, points
from headstart.specs import split_spec
from headstart.training import Recipe, folder_of
from headstart.training.arms import of_arm
from headstart.training.build import build_model
from headstart.training.statistics import mean_and_sd, paired_difference

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["cells", "measured", "moved"]


def measured(kernel: int, filters: str, row: dict[str, Any], reference: dict[str, Any], runs: Path) -> dict[str, Any]:
    """The accuracy of an arm, its paired difference to the reference, and what its trained filters span."""
    tests = [made["test"] for made in row["runs"]]
    ranks = [filter_ranks(trained_weights(runs, row["name"], made["seed"])) for made in row["runs"]]
    mean, sd = mean_and_sd(tests)
    difference, interval = (
        (None, None) if row is reference else paired_difference(tests, [made["test"] for made in reference["runs"]])
    )
    kind, options = split_spec(filters, "filters")
    return {
        "name": row["name"],
        "kernel": kernel,
        "filters": filters,
        "trained": not options.get("frozen", kind != "learned"),
        "test": tests,
        "mean": mean,
        "sd": sd,
        "n": len(tests),
        "difference": difference,
        "interval": interval,
        "val": [made["val"] for made in row["runs"]],
        "seconds": [made["seconds"] for made in row["runs"]],
        "parameters": row["runs"][0]["parameters"],
        "flops": row["runs"][0]["flops"],
        "taps": ranks[0][0].size,
        "rank": over_blocks(ranks, "rank"),
        "stable_rank": over_blocks(ranks, "stable"),
        "effective_rank": over_blocks(ranks, "effective"),
        "directions": over_blocks(ranks, "directions"),
    }


def trained_weights(runs: Path, name: str, seed: int) -> dict[str, Tensor]:
    """The final weights of an arm's run."""
    return load_file(folder_of(runs, name, seed) / "model.safetensors")


def moved(recipe: Recipe, name: str, seed: int, dataset: Dataset, runs: Path) -> float:
    """How far training moved the spatial filters W of all blocks from their start W₀, ‖W − W₀‖/‖W₀‖; 0 when frozen."""
    start = build_model(of_arm(recipe, name).model_copy(update={"seed": seed}), dataset).state_dict()
    final = trained_weights(runs, name, seed)
    keys = [key for key in start if key.endswith(SPATIAL)]
    change = sum((final[key] - start[key]).square().sum().item() for key in keys)
    return (change / sum(start[key].square().sum().item() for key in keys)) ** 0.5


def over_blocks(ranks: list[list[FilterRank]], key: str) -> list[float]:
    """Its mean over the blocks, for each seed."""
    return [mean_and_sd([getattr(block, key) for block in blocks])[0] for blocks in ranks]


def cells(row: dict[str, Any], reference: str) -> dict[str, Any]:
    """A row of the table, in percent and points; ranks are means over blocks and seeds."""
    return {
        "kernel": row["kernel"],
        "filters": row["filters"],
        "trained": "yes" if row["trained"] else "no",
        "test accuracy, %": percent(row["mean"], row["sd"]),
        "n": row["n"],
        f"difference to {reference} [95 % interval]": points(row["difference"], row["interval"]),
        "filters moved by": f"{100 * mean_and_sd(row['moved'])[0]:.0f} %" if row["trained"] else "–",
        "rank": f"{mean_and_sd(row['rank'])[0]:.1f} of {row['taps']}",
        "effective rank": f"{mean_and_sd(row['effective_rank'])[0]:.1f}",
        "stable rank": f"{mean_and_sd(row['stable_rank'])[0]:.1f}",
        "different filters": f"{mean_and_sd(row['directions'])[0]:.1f}",
    }
