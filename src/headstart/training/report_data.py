"""What a report page tells of a run or a comparison, read from its folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from headstart.data import Split
from headstart.errors import HeadstartError
from headstart.training.build import sampled
from headstart.training.comparison import folder_of
from headstart.training.exported import without_places
from headstart.training.inspection import Run, load_run
from headstart.training.provenance import without_place
from headstart.training.run_folder import read_json
from headstart.training.watching import read_watched

__all__ = ["Predicted", "facts_of_run", "folders", "predicted", "read_results", "title_of", "told_of"]

NEEDED = ("config", "config_hash", "arms", "command", "hardware")


@dataclass(frozen=True)
class Predicted:
    """``shares`` (n, K): the probability that a model gives each class on the images of ``split``."""

    split: Split
    shares: Tensor

    @property
    def labels(self) -> Tensor:
        return self.split.labels.cpu()


def read_results(folder: str | Path) -> dict[str, Any]:
    """``results.json`` of a comparison; of a single run the same with one arm, whose accuracies are None until it ends.

    Raises :class:`~headstart.errors.HeadstartError` when the folder holds neither.
    """
    folder = Path(folder)
    if (folder / "results.json").exists():
        results = read_json(folder / "results.json")
        missing = [key for key in NEEDED if key not in results]
        if missing:
            raise HeadstartError(
                f"{folder}/results.json is not of a comparison (it has no {missing[0]}); expected the folder of a "
                "`headstart train` or `headstart compare`."
            )
        return results
    run = load_run(folder)
    path = folder / "history.jsonl"
    history = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    looked = [row["val_accuracy"] for row in history if "val_accuracy" in row]
    result = read_json(folder / "result.json") if run.finished else {}
    machine = read_json(folder / "machine.json") if (folder / "machine.json").exists() else {}
    watched = read_watched(folder)
    test = result.get("test_accuracy")
    row = {
        "seed": run.recipe.seed,
        "val": result.get("val_accuracy", looked[-1] if looked else None),
        "test": test,
        "seconds": result.get("seconds", sum(row["seconds"] for row in history)),
        "images_per_second": result.get("images_per_second"),
        "parameters": result.get("parameters"),
        "flops": result.get("flops"),
        "history": history,
        **({"costs": result["costs"]} if "costs" in result else {}),
        **({"locality": watched} if watched else {}),
    }
    name = "+".join([run.recipe.init, *map(without_place, run.recipe.methods)])
    arm = {"name": name, "runs": [row], "mean": test, "sd": None, "n": 1, "difference": None, "interval": None}
    return {
        "command": None,
        "config": without_places(run.recipe),
        "config_hash": run.recipe.config_hash,
        "versions": machine.get("versions", read_json(folder / "config.json").get("versions", {})),
        "hardware": machine.get("hardware"),
        "commit": machine.get("commit"),
        "arms": [arm],
    }


def folders(folder: str | Path, results: dict[str, Any]) -> dict[str, Path]:
    """Where the first seed of each arm lies."""
    folder = Path(folder)
    if not (folder / "results.json").exists():
        return {results["arms"][0]["name"]: folder}
    return {arm["name"]: folder_of(folder, arm["name"], arm["runs"][0]["seed"]) for arm in results["arms"]}


def told_of(results: dict[str, Any], most: int) -> list[str]:
    """The arms to open, at most so many: the first, the best, then the others; in the order of the results.

    >>> told_of({"arms": [{"name": name, "mean": mean} for name, mean in (("a", 0.1), ("b", 0.2), ("c", 0.3))]}, 2)
    ['a', 'c']
    """
    arms = results["arms"]
    best = max(arms, key=lambda arm: arm["mean"] or 0.0)
    names = list(dict.fromkeys([arms[0]["name"], best["name"], *(arm["name"] for arm in arms)]))
    kept = names[:most]
    return [arm["name"] for arm in arms if arm["name"] in kept]


def title_of(results: dict[str, Any]) -> str:
    """The dataset and the arms, the first four by name."""
    more = len(results["arms"]) - 4
    names = ", ".join(arm["name"] for arm in results["arms"][:4])
    return f"{results['config']['dataset']}: {names}" + (f" and {more} more" if more > 0 else "")


def facts_of_run(run: Run) -> dict[str, str]:
    """Data and model of a run, in words."""
    data = run.dataset
    _, height, width = data.train.image_shape
    sizes = f"{len(data.train):,} to train, {len(data.val):,} to validate, {len(data.test):,} to test"
    return {
        "data": f"{run.recipe.dataset_name}, {len(data.classes)} classes, {width}×{height} pixels; {sizes}",
        "model": type(run.model).__name__,
    }


@torch.inference_mode()
def predicted(run: Run, split: Split, count: int) -> Predicted:
    """What the model of ``run`` says of ``count`` images of ``split``, on a GPU where there is one."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    chosen = split if len(split) <= count else sampled(split, count, run.recipe.split_seed)
    model = run.model.to(device)
    try:
        parts = [
            model(run.dataset.seen(images.to(device))).float().softmax(dim=1).cpu()
            for images in chosen.images.split(run.recipe.eval_batch)
        ]
    finally:
        model.cpu()
    return Predicted(chosen, torch.cat(parts))
