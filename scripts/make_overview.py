"""Write ``results/starts/overview.json``, the table of the shares of CIFAR-10, from the columns' committed files.

What the study's own ``results.json`` holds when all columns are asked for at once, of the starts that all of them have;
so that a column that was carried on need not be trained again for the table.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from headstart.studies.asking import table_rows
from headstart.studies.questions import RELEASED
from headstart.studies.starts import STUDY, tables
from headstart.training.files import write_json
from headstart.training.provenance import commits, seed_words

FOLDER = Path(__file__).parents[1] / "results" / "starts"
COLUMNS = ("hundredth", "twentieth", "tenth", "quarter", "half", "all")
STARTS = ("default", "mimetic", RELEASED, "impulse")
SAME = ("protocol", "hardware", "versions", "seeds", "n")


def overview(files: list[dict[str, Any]]) -> dict[str, Any]:
    """The columns' files as one result of the study.

    Raises SystemExit where they were not made alike, or a start is missing.
    """
    for found in files:
        for key in SAME:
            if found[key] != files[0][key]:
                raise SystemExit(
                    f"{key} of {found['name']} and {files[0]['name']} differ, so they cannot stand in one table: "
                    f"{found[key]} and {files[0][key]}."
                )
    answers = [_answer(found) for found in files]
    rows, differences = tables(answers, STARTS)
    settings = ("dataset=cifar10", f"columns={','.join(COLUMNS)}", f"starts={','.join(STARTS)}")
    asked = " ".join(f"--set {shlex.quote(setting)}" for setting in settings)
    return {
        "question": STUDY.question,
        "size": "small",
        **{key: files[0][key] for key in SAME},
        "date": max(found["date"] for found in files),
        "commit": commits(found["commit"] for found in files),
        "command": f"headstart study starts{seed_words(files[0]['seeds'])} {asked}",
        "answers": answers,
        "rows": rows,
        "differences": differences,
    }


def _answer(found: dict[str, Any]) -> dict[str, Any]:
    """A column's answer, of the overview's starts alone."""
    arms = {arm["init"]: arm for arm in found["arms"]}
    if missing := [start for start in STARTS if start not in arms]:
        raise SystemExit(f"{found['name']} lacks {missing[0]}; train it and add it with scripts/join_results.py.")
    chosen = [arms[start] for start in STARTS]
    return {"question": found["question"], "name": found["name"], "rows": table_rows(chosen), "arms": chosen}


def read() -> list[dict[str, Any]]:
    """The committed files of the columns."""
    return [json.loads((FOLDER / f"{name}.json").read_text()) for name in COLUMNS]


if __name__ == "__main__":
    write_json(FOLDER / "overview.json", overview(read()))
    print(f"{FOLDER / 'overview.json'}: {len(COLUMNS)} columns, {len(STARTS)} starts")
