r"""Print what one start is ahead of another in committed result files, paired by seed, and in all of them together.

    python scripts/differences.py impulse:content_heads=4 mimetic results/starts/heads.json
    python scripts/differences.py impulse:content_heads=1,impulse:content_heads=4 impulse \
        results/starts/{hundredth,tenth-five,photos,heads-five}.json results/ablation/content.json

Tables take differences to one start; the pages tell of others too, and this is where those come from. Intervals are
Student's 95 %: of the seeds' differences in one setting, and of the settings' means together. A file with several
recipes holds a setting for each. Of several starts with commas between, each setting takes those that it has.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from headstart.reporting.percent import points
from headstart.training.statistics import mean_and_sd, paired_difference

Pair = tuple[str, list[float], list[float]]


def pairs(starts: Iterable[str], others: Iterable[str], path: Path) -> Iterator[Pair]:
    """The settings of a file that hold one of ``starts`` and one of ``others``: what it is, and their accuracies.

    Raises SystemExit where the file has none, or is no result file.
    """
    try:
        made = json.loads(path.read_text())
        arms = [arm for answer in made.get("answers", [made]) for arm in answer["arms"]]
    except (OSError, ValueError, KeyError, AttributeError):
        raise SystemExit(f"{path} is no result file of a study or of `headstart compare`; name one.") from None
    by_recipe: dict[tuple[str, ...], dict[str, list[float]]] = {}
    for arm in arms:
        tests = arm["test"] if "test" in arm else [run["test"] for run in arm["runs"]]
        by_recipe.setdefault(tuple(arm.get("changes", ())), {})[arm.get("init") or arm["name"]] = tests
    found = False
    for changes, tests in by_recipe.items():
        for start in starts:
            for other in others:
                if start in tests and other in tests:
                    found = True
                    yield " ".join([path.stem, *changes, f"{start} − {other}"]), tests[start], tests[other]
    if not found:
        known = ", ".join(dict.fromkeys(name for tests in by_recipe.values() for name in tests))
        raise SystemExit(
            f"{path} has no recipe with {' or '.join(starts)} and {' or '.join(others)}; its starts are {known}."
        )


def told(found: Iterable[Pair]) -> list[str]:
    """A line for each setting, and one for all where there are several."""
    lines, means = [], []
    for name, ours, theirs in found:
        difference, interval = paired_difference(ours, theirs)
        lines.append(f"{points(difference, interval)}  n = {len(ours)}  {name}")
        means.append(difference)
    if len(means) > 1:
        together = points(mean_and_sd(means)[0], paired_difference(means, [0.0] * len(means))[1])
        lines.append(f"{together}  of {len(means)} settings, {sum(mean > 0 for mean in means)} of them ahead")
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("start", help="of whom it is told; several with commas between")
    parser.add_argument("other", help="whom it is compared with; several with commas between")
    parser.add_argument("files", nargs="+", type=Path, help="result files of studies or of `headstart compare`")
    given = parser.parse_args()
    every = [pair for file in given.files for pair in pairs(given.start.split(","), given.other.split(","), file)]
    print(*told(every), sep="\n")
