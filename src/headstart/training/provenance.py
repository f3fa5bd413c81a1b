"""Where numbers come from: versions, hardware, commit and command, without any path of the machine."""

from __future__ import annotations

import functools
import os
import platform
import re
import shlex
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from headstart.training.arms import Matrix
from headstart.training.named import RECIPES
from headstart.training.recipe import Recipe

__all__ = ["command", "commit", "commits", "hardware", "seed_words", "versions", "without_place", "written"]

# What a recommended recipe chooses by the data.
RECOMMENDED = {"model", "width", "depth", "heads", "patch_size", "crop", "flip", "passes", "batch_size"}


def versions() -> dict[str, str | None]:
    """Versions of Python and of the packages that decide the numbers; None for one that is not installed."""

    def version(package: str) -> str | None:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            return None

    packages = {package: version(package) for package in ("headstart", "torch", "accelerate")}
    return {"python": platform.python_version(), **packages}


def hardware() -> dict[str, Any]:
    """CPU name and cores, threads that torch uses, and the GPU's name or None."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"cpu": _cpu_name(), "cores": os.cpu_count(), "threads": torch.get_num_threads(), "gpu": gpu}


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


@functools.cache
def commit() -> str | None:
    """The commit of the source that runs, ``-dirty`` if files were changed or added; None outside a repository.

    It is asked for once in a process, which should do so before a long work: the source may change under its hands.
    """
    source = Path(__file__).parents[1]

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", *arguments], cwd=source, capture_output=True, text=True, check=False)

    try:
        # Installed into some other project's environment, the enclosing repository is not ours.
        if git("ls-files", "--error-unmatch", Path(__file__).as_posix()).returncode:
            return None
        dirty = git("--no-optional-locks", "status", "--porcelain", "--untracked-files=all", "--", ".").stdout
        return git("rev-parse", "HEAD").stdout.strip() + ("-dirty" if dirty else "")
    except OSError:  # no git
        return None


def commits(noted: Iterable[str | None]) -> str | None:
    """All different commits of several notes, each of which may hold several, in their order, with commas between.

    None where no note has one; beside others it is "none".

    >>> commits(["a", "b, a", None]), commits([None, None])
    ('a, b, none', None)
    """
    different = dict.fromkeys(one for note in noted for one in (note or "none").split(", "))
    return None if list(different) == ["none"] else ", ".join(different)


def command(recipe: Recipe, arms: list[str] | Matrix, seeds: list[int]) -> str:
    """The shortest command that asks for this comparison, from the named recipe that lies nearest."""
    named = {name: make() for name, make in RECIPES.items()}
    near = {name: r for name, r in named.items() if r.dataset == recipe.dataset_name}
    # A dataset without a recipe of its own begins with a recommended one: what that would choose is spelled out.
    spell_out = set() if near else RECOMMENDED
    near = near or {recipe.dataset_name: Recipe()}

    def changed(base: Recipe) -> list[str]:
        skip = {"dataset", "init", "seed", "content"}  # the last is in the config, to compare by
        theirs, ours = base.model_dump(mode="json"), recipe.model_dump(mode="json")
        keys = [key for key in ours if key not in skip and (ours[key] != theirs[key] or key in spell_out)]
        return [word for key in keys for word in ("--set", without_place(f"{key}={written(ours[key])}"))]

    ways = {name: changed(base) for name, base in near.items()}
    name = min(ways, key=lambda n: (len(ways[n]), n != recipe.dataset_name))
    words = ["headstart", "compare", recipe.dataset_name]
    words += ([] if name == recipe.dataset_name else ["--recipe", name]) + ways[name]
    if isinstance(arms, Matrix):
        words += ["--matrix", f"init={','.join(arms.inits)}", f"with={','.join(arms.choices)}"]
    else:
        words += ["--init", ",".join(arms)]
    return shlex.join(map(without_place, words)) + seed_words(seeds)


def written(value: Any) -> str:
    """The value of a recipe's key as ``--set KEY=VALUE`` takes it.

    >>> written("Abyssinian"), written(True), written(None), written((0.9, 0.95)), written([])
    ('Abyssinian', 'true', 'none', '0.9,0.95', 'none')
    """
    if isinstance(value, (list, tuple)):
        return ",".join(map(written, value)) or "none"
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def without_place(text: str) -> str:
    """Of every absolute path that is an option in ``text``, a choice of methods say, the last part.

    >>> without_place("slim:teacher=/home/me/runs/big:keep=0.5")
    'slim:teacher=big:keep=0.5'
    """
    return re.sub(r"=/(?:[^/:,]*/)*([^/:,]+)", r"=\1", text)


def seed_words(seeds: list[int]) -> str:
    """The end of a command that trains with these seeds; for seeds that are not in a row, that none does.

    >>> seed_words([0, 1, 2]), seed_words([5, 4])
    (' --seeds 3', ' --seeds 2 --seed 4')
    >>> seed_words([1, 5, 9])
    '  # with the seeds 1, 5, 9, which no command gives, and Python does'
    """
    first, count = min(seeds), len(seeds)
    if sorted(seeds) != list(range(first, first + count)):
        return f"  # with the seeds {', '.join(map(str, seeds))}, which no command gives, and Python does"
    return f" --seeds {count}" + f" --seed {first}" * (first != 0)
