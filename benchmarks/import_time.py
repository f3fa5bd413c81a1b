"""How long ``import headstart`` takes beyond ``import torch``; exits with 1 beyond the limit.

    python benchmarks/import_time.py

Median over fresh interpreters, after one run that is not counted (it writes the byte code).
"""

from __future__ import annotations

import statistics
import subprocess
import sys

LIMIT_S = 0.3
RUNS = 7
CODE = """
import time
import torch
start = time.perf_counter()
import headstart
print(time.perf_counter() - start)
"""


def seconds() -> float:
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    return float(run.stdout)


def main() -> int:
    seconds()
    times = [seconds() for _ in range(RUNS)]
    median = statistics.median(times)
    print(
        f"import headstart beyond import torch: median {median:.3f} s of {RUNS} runs "
        f"(lowest {min(times):.3f}, highest {max(times):.3f}; limit {LIMIT_S} s)"
    )
    return int(median > LIMIT_S)


if __name__ == "__main__":
    sys.exit(main())
