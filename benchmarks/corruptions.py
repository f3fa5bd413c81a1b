"""Images corrupted a second of one CPU thread's time, each corruption, at 32 and at 224 pixels.

    python benchmarks/corruptions.py --out results/corruptions-cpu.json

Processor time, which other work on the machine disturbs least; medians over repeats of the mean over severities 1 to 5.
At 224 pixels the storing as JPEG, with which ImageNet-C is published, is part of it. Images are blurred noise, and
frost is made up.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from _pictures import pictures
from torch import Tensor

from headstart.evaluation.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from headstart.training.provenance import commit, hardware, versions

IMAGES = {32: 512, 224: 16}


def speed(name: str, images: Tensor, repeats: int) -> float:
    """Images a second, all severities taken together."""
    corrupt(images[:4], name, 1, torch.Generator().manual_seed(0))  # the first call builds tables
    taken = []
    for repeat in range(repeats):
        start = time.process_time()
        for severity in SEVERITIES:
            corrupt(images, name, severity, torch.Generator().manual_seed(repeat))
        taken.append(time.process_time() - start)
    return len(images) * len(SEVERITIES) / statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    images = {size: pictures(count, size) for size, count in IMAGES.items()}
    rows: list[dict[str, Any]] = []
    for name in CORRUPTIONS:
        speeds = {f"{size} px": round(speed(name, images[size], args.repeats)) for size in IMAGES}
        rows.append({"corruption": name, **speeds})
        print(*rows[-1].values(), sep="  ", flush=True)
    if args.out:
        about = {"command": shlex.join(["python", *sys.argv]), "hardware": hardware(), "versions": versions()}
        about |= {"commit": commit(), "repeats": args.repeats, "unit": "images a second"}
        args.out.write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
