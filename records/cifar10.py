"""How fast a plain vision transformer learns CIFAR-10: the time to a mean test accuracy. README.md has the rules.

    python records/cifar10.py 90 --out records/90-h100.json
    python records/cifar10.py 94 --runs 3 --set passes=200          # trying something else

The same command goes on after a cut: runs that the file holds are not trained again.

Each run is a fresh model in a fresh folder. What is timed is training: data order, augmentation, forward, backward,
optimizer and moving average, from the first step to the last. Not in it: imports, reading the images, initialization
(timed by itself), evaluation, and compiling, which is what the first pass takes beyond the median of the others.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from headstart.training import Recipe, train
from headstart.training.build import build_dataset
from headstart.training.files import write_json
from headstart.training.provenance import commit, commits, hardware, versions
from headstart.training.statistics import mean_and_sd

LEAST_RUNS = 10

# Validation is 1 % of the training images, so that nearly all are trained on; the recipes were not measured yet.
COMMON: dict[str, Any] = {
    "dataset": "cifar10", "model": "tiny", "patch_size": 4, "init": "impulse", "crop": 4, "flip": True,
    "fill": "mean", "val_fraction": 0.01, "batch_size": 512, "eval_batch": 500, "optimizer": "muon", "lr": 2e-3,
    "ema": 0.999, "compile": True,
}  # fmt: skip
RECIPES: dict[int, Recipe] = {
    90: Recipe(**COMMON, passes=50, cutmix=1.0),
    94: Recipe(**COMMON, passes=250, augment="trivialaugment", cutmix=1.0),
    95: Recipe(**{**COMMON, "width": 256}, heads=4, passes=500, augment="trivialaugment", cutmix=1.0, drop_path=0.1),
}


def check(recipe: Recipe) -> None:
    """The rules that a program can see."""
    if recipe.dataset_name != "cifar10":
        raise SystemExit(f"a record is of CIFAR-10, and the recipe's dataset is {recipe.dataset_name}.")
    if recipe.methods:
        raise SystemExit(f"a record is of a plain ViT, and the recipe has methods: {', '.join(recipe.methods)}.")
    if recipe.model.partition(":")[0] not in ("tiny", "small", "base"):
        raise SystemExit(f"a record is of a plain ViT (tiny, small, base, any size), and the model is {recipe.model}.")


def timed(recipe: Recipe, folder: Path, dataset: Any) -> dict[str, Any]:
    """One run: its accuracy, and the seconds of training, compiling and everything."""
    torch._dynamo.reset()  # a process may compile a function eight times; the compiler's files are kept
    started = time.perf_counter()
    result = train(recipe, folder, dataset=dataset, save_every=float("inf"))
    whole = time.perf_counter() - started
    history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    steps = len(dataset.train) // min(recipe.batch_size, len(dataset.train))
    images = steps * min(recipe.batch_size, len(dataset.train))
    passes = [images / row["images_per_second"] for row in history]
    usual = statistics.median(passes[1:] or passes)
    return {
        "seed": recipe.seed,
        "test": result["test_accuracy"],
        "val": result["val_accuracy"],
        "seconds": usual + sum(passes[1:]),
        "compiling": max(0.0, passes[0] - usual),
        "whole": whole,
        "parameters": result["parameters"],
    }


def earlier(path: Path | None, goal: int, recipe: Recipe) -> dict[str, Any]:
    """What an earlier call wrote; empty without one. Runs of another recipe, machine or version are not mixed."""
    if path is None or not path.exists():
        return {}
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        theirs = {key: found[key] for key in ("goal", "config_hash", "hardware", "versions")}
        runs = found["runs"]
    except (OSError, ValueError, KeyError, TypeError):
        raise SystemExit(f"{path} is no file of this script, so nothing is added to it; give another --out.") from None
    ours = {
        "goal": goal / 100, "config_hash": recipe.config_hash, "hardware": hardware(), "versions": versions(),
    }  # fmt: skip
    for key, value in ours.items():
        if theirs[key] != value:
            raise SystemExit(
                f"{path} holds {len(runs)} runs with another {key}, {theirs[key]}, where this call has {value}; "
                "give another --out."
            )
    return found


def summary(
    goal: int, recipe: Recipe, runs: list[dict[str, Any]], command: str, noted: str | None = None
) -> dict[str, Any]:
    """What goes into the file: every run, a row for the table, and the commits, ``noted`` ones first."""
    mean, sd = mean_and_sd([run["test"] for run in runs])
    seconds = mean_and_sd([run["seconds"] for run in runs])[0]
    machine = hardware()
    row = {
        "goal, %": goal,
        "reached": "yes" if mean >= goal / 100 and len(runs) >= LEAST_RUNS else "no",
        "test accuracy, %": f"{100 * mean:.2f}" + ("" if sd is None else f" ± {100 * sd:.2f}"),
        "n": len(runs),
        "seconds of training": round(seconds, 1),
        "compiling, s": round(mean_and_sd([run["compiling"] for run in runs])[0], 1),
        "all in all, s": round(mean_and_sd([run["whole"] for run in runs])[0], 1),
        "M parameters": round(runs[0]["parameters"] / 1e6, 2),
        "passes": recipe.passes,
        "on": machine["gpu"] or f"{machine['cores']} CPU cores",
    }
    return {
        "command": command, "hardware": machine, "versions": versions(),
        "commit": commits([noted or commit(), commit()]),
        "date": datetime.now(timezone.utc).date().isoformat(), "config": recipe.portable(),
        "config_hash": recipe.config_hash, "goal": goal / 100, "rows": [row], "runs": runs,
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("goal", type=int, choices=sorted(RECIPES), help="test accuracy to reach, in percent")
    parser.add_argument("--runs", type=int, default=LEAST_RUNS, help=f"a record needs {LEAST_RUNS}")
    parser.add_argument("--dataset", default="cifar10", help="cifar10, or cifar10:FOLDER")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a key of the recipe")
    parser.add_argument("--out", type=Path, help="a JSON file to write after each run, and to go on with")
    args = parser.parse_args()
    recipe = RECIPES[args.goal].model_copy(update={"dataset": args.dataset}).override(args.set)
    check(recipe)
    if args.runs < 1:
        parser.error(f"argument --runs: at least one run is needed, not {args.runs}")
    words = [f"python records/cifar10.py {args.goal}", f"--runs {args.runs}", *(f"--set {text}" for text in args.set)]
    found = earlier(args.out, args.goal, recipe)
    runs = found.get("runs", [])
    if args.out is not None:
        try:
            args.out.parent.mkdir(parents=True, exist_ok=True)  # rather now than after the first run
        except OSError as error:
            raise SystemExit(f"no folder can be made for --out {args.out}: {error.strerror}; name another.") from None
    dataset = build_dataset(recipe)
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(len(runs), args.runs):
            one = recipe.model_copy(update={"seed": seed})
            runs.append(timed(one, Path(folder) / str(seed), dataset))
            print(f"seed {seed}: {runs[-1]['test']:.2%} in {runs[-1]['seconds']:.1f} s", flush=True)
            if args.out is not None:
                write_json(args.out, summary(args.goal, recipe, runs, " ".join(words), found.get("commit")))
    results = summary(args.goal, recipe, runs, " ".join(words), found.get("commit"))
    for key, value in results["rows"][0].items():
        print(f"{key:20} {value}")
    return 0 if results["rows"][0]["reached"] == "yes" else 1


if __name__ == "__main__":
    sys.exit(main())
