"""Add the arms of one study's result file to another's, where runs that both have prove that they belong together.

``python scripts/join_results.py results/starts/heads.json runs/study-starts/heads.json`` writes the first file again,
with the second one's new arms before the last. Runs are the same to the bit where seed, machine and versions are, so
that a table can be carried on on another machine of the same kind without the folders of its runs: at least one arm
must stand in both files, and every arm that does must have the same accuracies, seed by seed, in every pass.
"""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path
from typing import Any

from headstart.studies.asking import table_rows
from headstart.training.files import write_json

SAME = ("question", "name", "protocol", "seeds", "n", "hardware", "versions", "configs")
MEASURED = ("test", "val", "train", "passes", "curves")


def join(kept: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """``kept`` with the arms that only ``more`` has; differences stay as they are, being to an arm of both files.

    Raises SystemExit where the two files do not tell of one experiment.
    """
    for key in SAME:
        if kept.get(key) != more.get(key):
            raise SystemExit(f"{key} differs, so the files cannot be joined: {kept.get(key)} and {more.get(key)}.")
    known = {_name(arm): arm for arm in kept["arms"]}
    shared = [arm for arm in more["arms"] if _name(arm) in known]
    if not shared:
        raise SystemExit("the files share no arm, which would prove that runs are reproduced; train one again.")
    for arm in shared:
        for key in MEASURED:
            if arm[key] != known[_name(arm)][key]:
                raise SystemExit(f"{key} of {arm['init']} is not reproduced: {known[_name(arm)][key]} and {arm[key]}.")
    new = [arm for arm in more["arms"] if _name(arm) not in known]
    for arm in new:
        if _name(arm["beside"]) not in known:
            raise SystemExit(f"{arm['init']} stands beside {arm['beside']['init']}, which is not in the first file.")
    arms = [*kept["arms"][:-1], *new, kept["arms"][-1]]
    commits = dict.fromkeys(one for made in (kept, more) for one in (made["commit"] or "none").split(", "))
    return {
        **kept,
        "date": max(kept["date"], more["date"]),
        "commit": ", ".join(commits),
        "rows": table_rows(arms),
        "arms": arms,
        "command": _command(kept["command"], [arm["init"] for arm in arms]),
    }


def _name(arm: dict[str, Any]) -> tuple[str, ...]:
    return (arm["init"], *arm["changes"])


def _command(command: str, inits: list[str]) -> str:
    """The command of the first file, asking for all the starts."""
    words = [f"starts={','.join(inits)}" if word.startswith("starts=") else word for word in shlex.split(command)]
    return shlex.join(words)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kept", type=Path, help="the result file that is written again")
    parser.add_argument("more", type=Path, help="the result file with more arms")
    given = parser.parse_args()
    joined = join(json.loads(given.kept.read_text()), json.loads(given.more.read_text()))
    write_json(given.kept, joined)
    print(f"{given.kept}: {len(joined['arms'])} arms")
