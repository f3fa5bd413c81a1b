"""Make examples/head_start.ipynb from examples/head_start.py: ``python scripts/make_notebook.py``.

The script is what people edit: ``# %%`` begins a cell of code and ``# %% [markdown]`` one of text, whose lines are
comments. The notebook (format 4.5, as Jupyter describes it) holds no outputs: pictures in it would be as old as the
last time somebody ran it, and the tests run it each time. With ``--check`` nothing is written, and the exit code is 1
when it is out of date.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

# Not headstart.py: Python would take it for the library in everything that runs in its folder.
SCRIPT = Path(__file__).parents[1] / "examples" / "head_start.py"
TEXT, CODE = "# %% [markdown]", "# %%"


def cells(script: str) -> list[tuple[str, str]]:
    """The cells of a script, each as ("markdown" or "code", its text); what stands before the first is an error."""
    found: list[tuple[str, list[str]]] = []
    for line in script.splitlines():
        if line in (TEXT, CODE):
            found.append(("markdown" if line == TEXT else "code", []))
        elif not found:
            raise SystemExit(f"expected the script to begin with {TEXT!r} or {CODE!r}, got {line!r}.")
        elif found[-1][0] == "markdown" and line and not line.startswith("#"):
            raise SystemExit(f"expected a comment in a cell of text, got {line!r}; begin a cell of code with {CODE!r}.")
        else:
            found[-1][1].append(line[2:] if found[-1][0] == "markdown" else line)
    return [(kind, "\n".join(lines).strip("\n")) for kind, lines in found]


def notebook(script: str) -> dict[str, Any]:
    """The notebook of a script, without outputs; cells are numbered, so that one script always gives one file."""
    made = []
    for number, (kind, text) in enumerate(cells(script), 1):
        cell: dict[str, Any] = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}}
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        made.append(cell | {"source": text.splitlines(keepends=True)})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def main(script: Path, check: bool = False) -> int:
    """Write the notebook beside its script, or say whether it is out of date; returns the exit code."""
    target = script.with_suffix(".ipynb")
    text = json.dumps(notebook(script.read_text(encoding="utf-8")), indent=1, ensure_ascii=False) + "\n"
    stale = not target.exists() or target.read_text(encoding="utf-8") != text
    if stale:
        print(f"{target.name}: {'out of date; run python scripts/make_notebook.py' if check else 'written'}")
    if stale and not check:
        target.write_text(text, encoding="utf-8")
    return int(stale and check)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether it is out of date")
    sys.exit(main(SCRIPT, parser.parse_args().check))
