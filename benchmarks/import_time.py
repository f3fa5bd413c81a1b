"""How long ``headstart.init_`` takes to be there beyond ``import torch``, and ``headstart --help``; 1 beyond a limit.

    python benchmarks/import_time.py

Median over fresh interpreters, after one run that is not counted (it writes the byte code). A shell that completes a
command waits as long as the help does, which imports no torch.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

RUNS = 7
LIBRARY = """
import time
import torch
start = time.perf_counter()
import headstart
headstart.init_, headstart.create_vit
print(time.perf_counter() - start)
"""
HELP = """
import contextlib, io, time
start = time.perf_counter()
from headstart.cli import app
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    app(["--help"])
print(time.perf_counter() - start)
"""
MEASURED = {  # what, its code, and the limit in seconds
    "import headstart and its init_, beyond import torch": (LIBRARY, 0.3),
    "headstart --help, beyond starting Python": (HELP, 0.5),
}


def seconds(code: str) -> float:
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(run.stdout)


def main() -> int:
    late = 0
    for what, (code, limit) in MEASURED.items():
        seconds(code)
        times = [seconds(code) for _ in range(RUNS)]
        median = statistics.median(times)
        late |= median > limit
        print(
            f"{what}: median {median:.3f} s of {RUNS} runs "
            f"(lowest {min(times):.3f}, highest {max(times):.3f}; limit {limit} s)"
        )
    return int(late)


if __name__ == "__main__":
    sys.exit(main())
