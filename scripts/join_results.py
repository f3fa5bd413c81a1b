"""Carry on a study's result file on another machine, where runs that both have prove that they belong together.

``python scripts/join_results.py results/starts/heads.json runs/study-starts/heads.json`` adds arms: the first file is
written again, with the second one's new arms before its last. ``python scripts/join_results.py
results/starts/tenth.json runs/study-starts/tenth.json --out results/starts/tenth-five.json`` adds seeds, where the
second file has others (``--seeds 3 --seed 2``, say), to the arms that both have.

Runs are the same to the bit where seed, machine and versions are. So some arm must have been trained with one seed for
both files, and all such runs must have the same accuracies in every pass.
"""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path
from typing import Any

from headstart.studies.asking import table_rows
from headstart.training.files import write_json
from headstart.training.provenance import commits, seed_words
from headstart.training.statistics import mean_and_sd, paired_difference

SAME = ("question", "name", "protocol", "hardware", "versions", "configs")
OF_SEEDS = ("test", "val", "train", "curves", "seconds")  # of an arm, a value for each seed


def join(kept: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """The two as one result file: all arms where the seeds are the same, else the arms of both with all seeds.

    Raises SystemExit where the two do not tell of one experiment.
    """
    for key in SAME:
        if kept.get(key) != more.get(key):
            raise SystemExit(f"{key} differs, so the files cannot be joined: {kept.get(key)} and {more.get(key)}.")
    ours, theirs = _arms(kept), _arms(more)
    both = [name for name in theirs if name in ours]
    _check_reproduced(kept["seeds"], more["seeds"], [(ours[name], theirs[name]) for name in both])
    seeds = sorted({*kept["seeds"], *more["seeds"]})
    if kept["seeds"] == more["seeds"]:
        new = [arm for name, arm in theirs.items() if name not in ours]
        arms = [*kept["arms"][:-1], *new, kept["arms"][-1]]
    else:
        arms = [_longer(ours[name], kept["seeds"], theirs[name], more["seeds"], seeds) for name in both]
    tests = {_name(arm): arm["test"] for arm in arms}
    for arm in arms:
        beside = _name(arm["beside"])
        if beside not in tests:
            raise SystemExit(f"{arm['init']} stands beside {beside[0]}, which is not among the joined arms.")
        if beside != _name(arm):
            arm["difference"], arm["interval"] = paired_difference(arm["test"], tests[beside])
    return {
        **kept,
        "date": max(kept["date"], more["date"]),
        "commit": commits([kept["commit"], more["commit"]]),
        "seeds": seeds,
        "n": len(seeds),
        "rows": table_rows(arms),
        "arms": arms,
        "command": _command(kept["command"], [arm["init"] for arm in arms], seeds),
    }


def _name(arm: dict[str, Any]) -> tuple[str, ...]:
    return (arm["init"], *arm["changes"])


def _arms(made: dict[str, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
    return {_name(arm): dict(arm) for arm in made["arms"]}


def _check_reproduced(ours: list[int], theirs: list[int], arms: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Every run that both files have is the same, but for its seconds; and there is one."""
    twice = [seed for seed in ours if seed in theirs]
    if not twice or not arms:
        raise SystemExit("no run stands in both files, which would prove that runs are reproduced; train one again.")
    for first, second in arms:
        for key in OF_SEEDS[:-1]:
            one = [first[key][ours.index(seed)] for seed in twice]
            other = [second[key][theirs.index(seed)] for seed in twice]
            if one != other:
                raise SystemExit(f"{key} of {first['init']} is not reproduced: {one} and {other}, seeds {twice}.")


def _longer(
    first: dict[str, Any], ours: list[int], second: dict[str, Any], theirs: list[int], seeds: list[int]
) -> dict[str, Any]:
    """An arm with the runs of all ``seeds``."""
    joined = dict(first)
    for key in OF_SEEDS:
        found = {**dict(zip(theirs, second[key], strict=True)), **dict(zip(ours, first[key], strict=True))}
        joined[key] = [found[seed] for seed in seeds]
    joined["mean"], joined["sd"] = mean_and_sd(joined["test"])
    return {**joined, "n": len(seeds)}


def _command(command: str, inits: list[str], seeds: list[int]) -> str:
    """The command of the first file, asking for all these starts and seeds."""
    before, _, after = command.partition(" --seeds ")
    words = shlex.split(after)[1:]
    return (
        before
        + seed_words(seeds)
        + " "
        + shlex.join(f"starts={','.join(inits)}" if word.startswith("starts=") else word for word in words)
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kept", type=Path, help="the result file that is carried on")
    parser.add_argument("more", type=Path, help="the result file with more arms or seeds")
    parser.add_argument("--out", type=Path, help="where to write; the first file unless given")
    given = parser.parse_args()
    joined = join(json.loads(given.kept.read_text()), json.loads(given.more.read_text()))
    write_json(given.out or given.kept, joined)
    print(f"{given.out or given.kept}: {len(joined['arms'])} arms, {joined['n']} seeds")
