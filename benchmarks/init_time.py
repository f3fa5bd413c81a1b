"""Seconds that each initialization of a whole ViT takes, beside the released solvers and beside training.

    python benchmarks/init_time.py --sizes tiny,small,base --out results/init-time-cpu.json
    python benchmarks/init_time.py --device cuda --out results/init-time-cuda.json

ViTs at 224 pixels with patches of 16. Medians over repeats, all schemes in turn. ``decoder`` is given 64 images.
``gradient`` needs 10,000 steps in every block; it is timed over a few steps of one block and scaled, and printed as
such. The share of training is that of one pass over 50,000 images, by the speed of a few steps of forward and backward
in float32. Exit code 1 if ``impulse`` takes more than a second.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import sys
import time
import warnings
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

import headstart
from headstart.training.provenance import commit, hardware, versions

STEPS, IMAGES, BATCH = 10, 64, 8
SCHEMES = ("impulse", "impulse:solver=decoder", "mimetic", "impulse:solver=pseudoinverse")


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def once(model: torch.nn.Module, scheme: str, images: torch.Tensor) -> float:
    """Seconds of one initialization of a fresh copy."""
    fresh, device = copy.deepcopy(model), images.device
    given = {"images": images} if "decoder" in scheme else {}
    wait(device)
    start = time.perf_counter()
    headstart.init_(fresh, scheme, generator=torch.Generator().manual_seed(0), **given)
    wait(device)
    return time.perf_counter() - start


def gradient(size: str, blocks: int, images: torch.Tensor) -> float:
    """Seconds of the released gradient solver, from a few steps of one block."""
    shallow = headstart.create_vit(size, image_size=224, patch_size=16, depth=1).to(images.device)
    once(shallow, "impulse:solver=gradient:steps=1", images)
    # One step costs the warm-up and the report too; the difference is steps alone.
    none, some = (
        statistics.median(once(shallow, f"impulse:solver=gradient:steps={n}", images) for _ in range(3))
        for n in (1, 1 + STEPS)
    )
    return (some - none) / STEPS * 10_000 * blocks


def one_pass(model: torch.nn.Module, images: torch.Tensor) -> float:
    """Seconds of forward and backward for 50,000 images."""
    batch = images if images.is_cuda else images[:BATCH]
    labels = torch.zeros(len(batch), dtype=torch.int64, device=images.device)
    times = []
    for _ in range(4):
        wait(images.device)
        start = time.perf_counter()
        F.cross_entropy(model(batch), labels).backward()
        model.zero_grad()
        wait(images.device)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:]) / len(batch) * 50_000


def measure(size: str, device: torch.device, repeats: int) -> list[dict[str, Any]]:
    """A row for each scheme."""
    torch.manual_seed(0)
    model = headstart.create_vit(size, image_size=224, patch_size=16).to(device)
    images = torch.randn(IMAGES, 3, 224, 224, device=device)
    taken: dict[str, list[float]] = {scheme: [] for scheme in SCHEMES}
    for scheme in SCHEMES:
        once(model, scheme, images)  # the first call loads libraries and chooses the frequencies
    for _ in range(repeats):
        for scheme in SCHEMES:
            taken[scheme].append(once(model, scheme, images))
    found = {scheme: statistics.median(times) for scheme, times in taken.items()}
    found["impulse:solver=gradient (scaled)"] = gradient(size, len(model.blocks), images)
    training = one_pass(model, images)
    return [
        {
            "model": f"ViT-{size.capitalize()}/16",
            "scheme": scheme,
            "seconds": round(seconds, 3),
            "times impulse": round(seconds / found["impulse"], 1),
            "of one pass over 50,000 images, %": round(100 * seconds / training, 3),
        }
        for scheme, seconds in found.items()
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="base", help="of tiny, small and base")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for size in args.sizes.split(","):
        for row in measure(size, torch.device(args.device), args.repeats):
            rows.append(row)
            print(*row.values(), sep="  ", flush=True)
    if args.out is not None:
        results = {
            "command": f"python benchmarks/init_time.py --sizes {args.sizes} --device {args.device} "
            f"--repeats {args.repeats} --out {args.out.as_posix()}",
            "hardware": hardware(),
            "versions": versions(),
            "commit": commit(),
            "date": datetime.now(timezone.utc).date().isoformat(),
            "repeats": args.repeats,
            "rows": rows,
        }
        args.out.write_text(json.dumps(results, indent=1) + "\n")
    return int(any(row["seconds"] > 1 for row in rows if row["scheme"] == "impulse"))


if __name__ == "__main__":
    sys.exit(main())
