"""Arms × seeds: the same data order at equal seed, one result file with everything needed to trust it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.errors import HeadstartError
from headstart.initialization import resolve
from headstart.training.build import build_dataset, build_model
from headstart.training.engine import train
from headstart.training.files import write_json
from headstart.training.provenance import command, commit, hardware, versions
from headstart.training.recipe import Recipe, config_hash
from headstart.training.run_folder import check, claim, read_json
from headstart.training.statistics import mean_and_sd, paired_difference

if TYPE_CHECKING:
    from rich.console import Console

    from headstart.initialization import InitReport

__all__ = ["arm_folder", "compare"]

PROTOCOL = (
    "Accuracies are of the test set, used once, after the last pass; choices are made on the validation "
    "split, carved from the training set. Arms at equal seed see the same images in the same order with the "
    "same augmentation, and start from the same random weights. Differences are paired by seed."
)


def compare(
    recipe: Recipe,
    arms: Sequence[str],
    seeds: Sequence[int],
    out: str | Path,
    *,
    console: Console | None = None,
    on_start: Callable[[str, InitReport], object] | None = None,
    save_every: float = 60.0,
) -> dict[str, Any]:
    """Train ``recipe`` from every arm (initialization) with every seed; write and return ``results.json``.

    Runs lie in ``out/ARM/seed-N``; finished ones are not repeated, so a comparison can be cut and continued,
    or given more arms and seeds later. ``on_start`` receives the arm's name and what its heads look at before
    the first step, for its first seed. ``save_every`` is that of :func:`~headstart.training.train`.

    For each arm: ``mean`` and ``sd`` (n − 1) of the test accuracy over ``n`` seeds, and ``difference`` to the
    first arm with its 95 % ``interval`` (Student t over the paired differences; None for the first arm or a
    single seed).

    Raises :class:`~headstart.errors.HeadstartError` before anything is written when an arm, the recipe or the
    folder does not fit.
    """
    out, arms, seeds = Path(out), list(arms), list(seeds)
    for kind, values in (("arm", arms), ("seed", seeds)):
        if not values or len(set(values)) < len(values):
            raise HeadstartError(f"expected one or more different {kind}s, got {values}.")
    schemes = {arm: resolve(arm) for arm in arms}
    dataset = build_dataset(recipe)
    build_model(recipe, dataset)
    # init and seed are what a comparison varies; the rest is its config.
    config = {key: value for key, value in recipe.portable().items() if key not in ("init", "seed")}
    check(out, config)

    def started(arm: str, seed: int, report: InitReport) -> None:
        claim(out, config)
        if on_start is not None and seed == seeds[0]:
            on_start(arm, report)

    # Seeds outside, arms inside: cut early, a comparison has as many runs of one arm as of another.
    for seed in seeds:
        for arm in arms:
            run = recipe.model_copy(update={"init": arm, "seed": seed})
            folder = out / arm_folder(arm) / f"seed-{seed}"
            began = partial(started, arm, seed)
            train(run, folder, dataset=dataset, console=console, on_start=began, save_every=save_every)
    claim(out, config)

    rows = [_arm(arm, schemes[arm].spec, out / arm_folder(arm), seeds) for arm in arms]
    first = [run["test"] for run in rows[0]["runs"]]
    for row in rows[1:]:
        row["difference"], row["interval"] = paired_difference([run["test"] for run in row["runs"]], first)
    results = {
        "protocol": PROTOCOL,
        "command": command(recipe, arms, seeds),
        "config": config,
        "config_hash": config_hash(config),
        "versions": versions(),
        "hardware": hardware(),
        "commit": commit(),
        "date": datetime.now(timezone.utc).date().isoformat(),
        "arms": rows,
    }
    write_json(out / "results.json", results)
    return json.loads((out / "results.json").read_text())


def arm_folder(arm: str) -> str:
    """A folder name for a scheme's spec, safe on every system and different for different specs.

    >>> arm_folder("impulse:solver=decoder:sharpness=0.5")
    'impulse,solver=decoder,sharpness=0.5'
    """
    name = arm.replace(":", ",")
    safe = re.sub(r"[^A-Za-z0-9._=,+-]", "_", name)[:80].rstrip(".")
    # Where characters were lost two specs could meet in one folder; the hash keeps them apart.
    return safe if safe == name and "," not in arm else f"{safe}-{hashlib.sha256(arm.encode()).hexdigest()[:6]}"


def _arm(name: str, spec: str, folder: Path, seeds: list[int]) -> dict[str, Any]:
    """One arm's part of the result file, read from the folders of its runs."""
    runs = []
    for seed in seeds:
        run = folder / f"seed-{seed}"
        result, start = read_json(run / "result.json"), read_json(run / "init.json")
        lines = (run / "history.jsonl").read_text().splitlines()
        runs.append(
            {
                "seed": seed,
                "val": result["val_accuracy"],
                "test": result["test_accuracy"],
                "seconds": result["seconds"],
                "images_per_second": result["images_per_second"],
                "parameters": result["parameters"],
                "history": [json.loads(line) for line in lines],
                "init": _per_block(start["on_images"]["heads"]),
                "notes": start["notes"],
            }
        )
    mean, sd = mean_and_sd([run["test"] for run in runs])
    return {
        "name": name,
        "scheme": spec,
        "runs": runs,
        "mean": mean,
        "sd": sd,
        "n": len(runs),
        "difference": None,
        "interval": None,
    }


def _per_block(heads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over the heads of each block, on validation images before training."""
    blocks: dict[int, list[dict[str, Any]]] = {}
    for head in heads:
        blocks.setdefault(head["block"], []).append(head)
    return [
        {
            "block": block,
            "target_mass": mean_and_sd([head["target_mass"] for head in members])[0],
            "entropy": mean_and_sd([head["entropy"] for head in members])[0],
        }
        for block, members in sorted(blocks.items())
    ]
