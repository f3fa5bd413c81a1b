"""Images a second of M small models trained in turn, and as one batched program, side by side in one run.

    python benchmarks/stacked.py --threads 1 --out results/stacked-cpu.json
    python benchmarks/stacked.py --device cuda --bfloat16 --out results/stacked-cuda.json

A step is forward, backward, clipping of each model and AdamW: M times one after the other (an optimizer each), or once
with the models stacked (one optimizer over all their weights). The two take turns, repeat by repeat; medians, after
warm-up, with the device waited for at both ends. The model is the small ViT: width 96, 4 blocks, 3 heads, patches of 4
at 32 pixels.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headstart.models.vit import create_vit
from headstart.training.provenance import commit, hardware, versions
from headstart.training.stacked import Stacked

CLIP = 1.0
DROP_PATH = 0.1


def adamw(models: list[nn.Module]) -> torch.optim.Optimizer:
    return torch.optim.AdamW([p for model in models for p in model.parameters()], lr=1e-4, fused=True)


class Data:
    """One batch for each model, its labels and stochastic depth's draws, on the device."""

    def __init__(self, count: int, batch: int, device: str, bfloat16: bool) -> None:
        self.images = torch.randn(count, batch, 3, 32, 32, device=device)
        self.labels = torch.randint(10, (count, batch), device=device)
        self.draws = torch.rand(count, batch, 4, 2, device=device)
        self.precision = partial(torch.autocast, device, torch.bfloat16, enabled=bfloat16)


def in_turn(models: list[nn.Module], optimizers: list[torch.optim.Optimizer], data: Data) -> None:
    for index, (model, optimizer) in enumerate(zip(models, optimizers, strict=True)):
        with data.precision():
            loss = F.cross_entropy(model(data.images[index], data.draws[index]), data.labels[index])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        optimizer.zero_grad()


def at_once(stacked: Stacked, optimizer: torch.optim.Optimizer, data: Data) -> None:
    with data.precision():
        logits: Tensor = stacked(data.images, data.draws)
        losses = F.cross_entropy(logits.transpose(1, 2), data.labels, reduction="none").mean(dim=1)
    losses.sum().backward()
    stacked.clip_grad_norm_(CLIP)
    optimizer.step()
    stacked.zero_grad()


def seconds(step: Callable[[], None], steps: int, device: str) -> float:
    """Of one step, over ``steps`` of them."""
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    wait()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    wait()
    return (time.perf_counter() - start) / steps


def measure(count: int, batch: int, args: argparse.Namespace) -> dict:
    torch.manual_seed(0)
    build = partial(create_vit, image_size=32, patch_size=4, width=96, depth=4, heads=3, drop_path=DROP_PATH)
    apart, together = ([build().to(args.device) for _ in range(count)] for _ in range(2))
    stacked = Stacked(together)
    if args.compile:
        stacked.compile()
        for model in apart:
            model.compile()
    data = Data(count, batch, args.device, args.bfloat16)
    ways = {
        "in turn": partial(in_turn, apart, [adamw([model]) for model in apart], data),
        "stacked": partial(at_once, stacked, adamw(together), data),
    }
    for step in ways.values():
        seconds(step, args.warmup, args.device)
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(args.repeats):
        for way, step in ways.items():
            times[way].append(seconds(step, args.steps, args.device))
    rates = {way: count * batch / statistics.median(found) for way, found in times.items()}
    row = {"models": count, "batch": batch}
    row |= {f"{way}, images/s": round(rate, 1) for way, rate in rates.items()}
    row |= {f"{way}, seconds": [round(t, 5) for t in found] for way, found in times.items()}
    row["gain"] = round(rates["stacked"] / rates["in turn"], 2)
    print(f"{count:6} {batch:5} {rates['in turn']:10.0f} {rates['stacked']:10.0f} {row['gain']:6.2f}", flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=("cpu", "cuda"))
    parser.add_argument("--models", type=int, nargs="+", default=[1, 4, 9])
    parser.add_argument("--batches", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--compile", action="store_true", help="with torch.compile, both ways")
    parser.add_argument("--bfloat16", action="store_true", help="under autocast, both ways")
    parser.add_argument("--threads", type=int, help="of the CPU")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--steps", type=int, help="in each repeat (20 on CUDA, 1 on the CPU)")
    parser.add_argument("--warmup", type=int, default=3, help="steps that are not timed")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    args = parser.parse_args()
    args.steps = args.steps or (20 if args.device == "cuda" else 1)
    if args.threads:
        torch.set_num_threads(args.threads)
    print("models batch    in turn    stacked   gain   (images/s)")
    rows = [measure(count, batch, args) for batch in args.batches for count in args.models]
    if args.out:
        command = shlex.join(["python", "benchmarks/stacked.py", *sys.argv[1:]])
        about = {"command": command, "hardware": hardware(), "versions": versions(), "commit": commit()}
        about |= {"device": args.device, "compile": args.compile, "bfloat16": args.bfloat16}
        about |= {"repeats": args.repeats, "steps": args.steps, "warmup": args.warmup}
        args.out.write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
