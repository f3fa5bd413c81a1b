"""Seconds to initialize a whole ViT without images, and the ratio to the two released solvers in the same run.

    python benchmarks/init_time.py --size base

``gradient`` needs 10,000 steps in every block; it is timed over a few steps of one block and scaled, and printed as
such. Medians over repeats. Exit code 1 if ``impulse`` takes more than a second.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
import time
import warnings

import torch

import headstart

STEPS = 10


def seconds(model: torch.nn.Module, scheme: str, repeats: int) -> float:
    times = []
    for _ in range(repeats):
        fresh = copy.deepcopy(model)
        start = time.perf_counter()
        headstart.init_(fresh, scheme, generator=torch.Generator().manual_seed(0))
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="base", choices=("tiny", "small", "base"))
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    build = {"image_size": 224, "patch_size": 16}
    model = headstart.create_vit(args.size, **build)
    shallow = headstart.create_vit(args.size, **build, depth=1)
    seconds(shallow, "impulse", 1)  # the first call loads libraries and chooses the frequencies
    ours = seconds(model, "impulse", args.repeats)
    pseudoinverse = seconds(model, "impulse:solver=pseudoinverse", 1)
    # One step costs the warm-up and the report too; the difference is steps alone.
    seconds(shallow, "impulse:solver=gradient:steps=1", 1)
    none, some = (seconds(shallow, f"impulse:solver=gradient:steps={n}", 3) for n in (1, 1 + STEPS))
    gradient = (some - none) / STEPS * 10_000 * len(model.blocks)
    print(f"ViT-{args.size}/16 at 224, {torch.get_num_threads()} threads, seconds (ratio to impulse)")
    print(f"impulse (rotation)   {ours:10.2f}     1")
    print(f"pseudoinverse        {pseudoinverse:10.2f}  {pseudoinverse / ours:6.0f}")
    print(f"gradient             {gradient:10.0f}  {gradient / ours:6.0f}   (scaled from {STEPS} steps of one block)")
    return int(ours > 1)


if __name__ == "__main__":
    sys.exit(main())
