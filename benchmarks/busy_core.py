"""Images a second in training on a CPU while another program keeps one of its cores busy, and while none does.

    python benchmarks/busy_core.py --out results/busy-core.json

PyTorch shares the work of each operation among its threads, and between two operations they turn in a loop, so as to be
there at once. Where a core is taken by another program, two of them take turns on one core, and the one that turns
keeps the one that works waiting. ``GOMP_SPINCOUNT`` says how often they turn before they sleep; ``headstart`` sets it
(``headstart.cli``), PyTorch's own default is what libgomp does without it. The other program belongs to another
session, as those of a desktop do: Linux then gives either session half of the core. The ways take turns, round by
round, each in a process of its own, as the library that turns reads its setting once; rates are medians over rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headstart.cli import SPINS

WAYS: dict[str, dict[str, str]] = {
    "PyTorch's default": {},
    **{f"GOMP_SPINCOUNT={count}": {"GOMP_SPINCOUNT": count} for count in (SPINS, "300")},
    "OMP_WAIT_POLICY=passive": {"OMP_WAIT_POLICY": "passive"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
SIZES: dict[str, dict[str, Any]] = {
    "digits (8 pixels)": {"image_size": 8, "patch_size": 2, "width": 96, "depth": 4, "heads": 3, "batch_size": 64},
    "small (32 pixels)": {"image_size": 32, "patch_size": 4, "width": 96, "depth": 4, "heads": 3, "batch_size": 128},
}
LEAST_SECONDS = 3.0


def images_per_second(size: str) -> float:
    """Of the engine's own loop, warmed up, over at least three seconds."""
    from _training_ways import Ours, random_dataset

    from headstart.training import Recipe
    from headstart.training.processes import Processes

    recipe = Recipe(dataset="noise", **SIZES[size])
    dataset = random_dataset(2 * recipe.batch_size, SIZES[size]["image_size"])
    way = Ours(recipe, dataset, Processes("float32"))
    way()
    images, start = 0, time.perf_counter()
    while time.perf_counter() - start < LEAST_SECONDS:
        images += way() * recipe.batch_size
    return images / (time.perf_counter() - start)


@contextmanager
def busy_cores(count: int) -> Iterator[None]:
    """So many processes that do nothing but turn."""
    others = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True) for _ in range(count)
    ]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def measured(size: str, settings: dict[str, str]) -> float:
    """By a process of its own."""
    unset = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS"}
    clean = {key: value for key, value in os.environ.items() if key not in unset}
    command = [sys.executable, __file__, "--child", size]
    return float(subprocess.run(command, env=clean | settings, check=True, capture_output=True, text=True).stdout)


def summary(found: dict[tuple[str, int, str], list[float]]) -> dict[str, Any]:
    """What goes into the file: medians in a row for each way, and every round."""
    from headstart.training.provenance import commit, hardware, versions

    rows = []
    for way in WAYS:
        row: dict[str, Any] = {"way": way}
        for size in SIZES:
            for busy, told in ((0, "alone"), (1, "a core busy")):
                row[f"{size}, {told}"] = round(statistics.median(found[size, busy, way]))
        rows.append(row)
    about: dict[str, Any] = {"command": shlex.join(["python", "benchmarks/busy_core.py", *sys.argv[1:]])}
    about |= {"hardware": hardware(), "versions": versions(), "commit": commit(), "sizes": SIZES}
    every = [
        {"size": size, "busy cores": busy, "way": way, "images/s": [round(rate, 1) for rate in rates]}
        for (size, busy, way), rates in found.items()
    ]
    return {**about, "rows": rows, "rounds": every}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    parser.add_argument("--child", choices=SIZES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(images_per_second(args.child))
        return
    found: dict[tuple[str, int, str], list[float]] = {}
    for _ in range(args.rounds):
        for size in SIZES:
            for busy in (0, 1):
                with busy_cores(busy):
                    for way, settings in WAYS.items():
                        found.setdefault((size, busy, way), []).append(measured(size, settings))
                        print(f"{size}, {busy} busy, {way}: {found[size, busy, way][-1]:,.0f} images/s", flush=True)
        results = summary(found)
        if args.out:
            args.out.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    for row in results["rows"]:
        print(row)


if __name__ == "__main__":
    main()
