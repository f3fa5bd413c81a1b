"""Images a second in training, side by side in one run: ours, ours compiled, timm's loader and step, and the ceiling.

    python benchmarks/training_speed.py --out results/training-speed-cpu.json
    python benchmarks/training_speed.py --device cuda --out results/training-speed-cuda.json

All four train one ViT with the same batch, precision, optimizer and augmentation: random resized crop, mirroring and
RandAugment (two operations, magnitude 9). *Ceiling* is the model's forward and backward pass on random tensors that lie
on the device, without optimizer, clipping or data. *Ours* is the engine's own loop over a pass. *timm* is
``timm.data.create_loader`` (worker processes that augment with Pillow) and the step of its training script; batches
that its workers made while others were timed are thrown away first. The four take turns, round by round; ratios are
medians over rounds of ratios within a round. Model FLOP utilisation is the model's own operations (forward and
backward, counted by torch) over those of a large matrix product in the same precision, measured in the same run.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from _training_ways import Ceiling, Ours, Timm, let_timm_be_imported, random_dataset
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from headstart.training import Recipe
from headstart.training.processes import Processes
from headstart.training.provenance import commit, hardware, versions


def timed(way: Callable[[], int], batch: int, processes: Processes) -> float:
    """Images a second."""
    processes.synchronize()
    start = time.perf_counter()
    steps = way()
    processes.synchronize()
    return steps * batch / (time.perf_counter() - start)


def operations(ceiling: Ceiling) -> int:
    """Of a forward and backward pass, for one image."""
    # The fused kernels of attention are not counted everywhere; the plain one is.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        ceiling.step()
    return counter.get_total_flops() // len(ceiling.images)


def matrix_product(processes: Processes) -> float:
    """Operations a second of a large matrix product."""
    cuda = processes.device.type == "cuda"
    kind = torch.bfloat16 if processes.accelerator.mixed_precision == "bf16" else torch.float32
    side, repeats = (8192, 50) if cuda else (2048, 5)
    one, other = (torch.randn(side, side, device=processes.device, dtype=kind) for _ in range(2))
    rates = []
    for _ in range(4):
        processes.synchronize()
        start = time.perf_counter()
        for _ in range(repeats):
            one @ other
        processes.synchronize()
        rates.append(2 * side**3 * repeats / (time.perf_counter() - start))
    return max(rates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=("cpu", "cuda"))
    parser.add_argument("--model", choices=("small", "tiny"), help="width 96 and depth 4 (CPU), or ViT-Ti (CUDA)")
    parser.add_argument("--batch", type=int, help="128 on a CPU, 512 on CUDA")
    parser.add_argument("--steps", type=int, help="in each round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--workers", type=int, default=None, help="timm's processes; as many as cores")
    parser.add_argument("--ways", default="ours,compiled,timm", help="what is timed against the ceiling")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    args = parser.parse_args()
    cuda = args.device == "cuda"
    small = (args.model or ("tiny" if cuda else "small")) == "small"
    batch, steps = args.batch or (512 if cuda else 128), args.steps or (50 if cuda else 5)
    recipe = Recipe(
        dataset="noise", batch_size=batch, patch_size=4, resized_crop=0.08, flip=True, augment="randaugment",
        **({"width": 96, "depth": 4, "heads": 3} if small else {"model": "tiny"}),
    )  # fmt: skip
    processes = Processes("auto" if cuda else "float32")
    dataset = random_dataset(batch * steps, 32)
    compiled = recipe.override(["compile=true"])
    workers = args.workers or hardware()["cores"]
    ways: dict[str, Callable[[], int]] = {"ceiling": Ceiling(recipe, dataset, processes, steps)}
    wanted = args.ways.split(",")
    if "ours" in wanted:
        ways["ours"] = Ours(recipe, dataset, processes)
    if "compiled" in wanted:
        ways["ceiling, compiled"] = Ceiling(compiled, dataset, processes, steps)
        ways["ours, compiled"] = Ours(compiled, dataset, processes)
    if "timm" in wanted:
        let_timm_be_imported()
        ways["timm"] = Timm(recipe, dataset, processes, steps, workers)
    for way in ways.values():  # warm-up: kernels, compilation, worker processes
        way()
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(args.rounds):
        for name, way in ways.items():
            if isinstance(way, Timm):
                way.drain()
            found[name].append(timed(way, batch, processes))
        print(*(f"{name} {rates[-1]:,.0f}" for name, rates in found.items()), sep=" · ", flush=True)
    ceiling = ways["ceiling"]
    assert isinstance(ceiling, Ceiling)
    flops, peak = operations(ceiling), matrix_product(processes)

    def ratio(name: str, other: str) -> float:
        return statistics.median(a / b for a, b in zip(found[name], found[other], strict=True))

    rows = []
    for name, rates in found.items():
        rate = statistics.median(rates)
        row = {"way": name, "images/s": round(rate, 1), "of the ceiling": round(ratio(name, "ceiling"), 3)}
        if name == "ours, compiled":
            row["of the compiled ceiling"] = round(ratio(name, "ceiling, compiled"), 3)
        if "timm" in found:
            row["times timm"] = round(ratio(name, "timm"), 2)
        rows.append(row | {"FLOP utilisation": round(rate * flops / peak, 3), "rounds": [round(r, 1) for r in rates]})
        print({key: value for key, value in rows[-1].items() if key != "rounds"})
    if args.out:
        about: dict[str, Any] = {"command": shlex.join(["python", "benchmarks/training_speed.py", *sys.argv[1:]])}
        about |= {"hardware": hardware(), "versions": versions(), "commit": commit(), "device": args.device}
        about |= {"model": {"width": 96, "depth": 4, "heads": 3} if small else "ViT-Ti", "patch": 4, "pixels": 32}
        about |= {"batch": batch, "steps": steps, "workers of timm": workers}
        about |= {"precision": processes.accelerator.mixed_precision.replace("no", "float32")}
        about |= {"operations an image": flops, "operations a second of a matrix product": round(peak)}
        args.out.write_text(json.dumps({**about, "rows": rows}, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
