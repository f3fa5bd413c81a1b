"""Rewrite the results tables of README.md and docs, and what the named recipes gave, from the committed result files.

A table stands between ``<!-- results:FILE -->`` and ``<!-- end -->``, FILE being relative to the repository root, e.g.
``results/cifar10_small.json``; between ``<!-- gains:FILE:METHOD -->`` and ``<!-- end -->`` stands what a method
gained. In ``training/named.py`` a paragraph of a docstring that begins with ``Measured (FILE):`` is written from that
file. With ``--check`` nothing is written and the exit code is 1 when something is out of date.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

from headstart.reporting import gains, markdown_table, measured
from headstart.reporting.slim import slim_markdown

MARKED = re.compile(r"(<!-- results:(?P<file>\S+) -->\n).*?(<!-- end -->)", re.DOTALL)

GAINS = re.compile(r"(<!-- gains:(?P<file>[^\s:]+):(?P<method>\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
PARAGRAPH = re.compile(r"    Measured \((?P<file>results/\S+)\): .*?(?=\n\n|\n    \"\"\")", re.DOTALL)
RECIPES = "src/headstart/training/named.py"


def updated(text: str, root: Path) -> str:
    """``text`` with each marked table and each measured paragraph made again from its file under ``root``."""

    def found(match: re.Match[str]) -> Any:
        path = root / match["file"]
        if not path.exists():
            raise SystemExit(f"{match['file']} is named by a table and does not exist; run its command and commit it.")
        return json.loads(path.read_text())

    def table(match: re.Match[str]) -> str:
        results = found(match)
        made = slim_markdown(results) if "teacher" in results else markdown_table(results)
        return f"{match[1]}{made}\n{match[3]}"

    def paragraph(match: re.Match[str]) -> str:
        words = f"Measured ({match['file']}): {measured(found(match))}"
        indent = " " * 4
        lines = textwrap.wrap(words, 120, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
        return "\n".join(lines)

    def gained(match: re.Match[str]) -> str:
        return f"{match[1]}{gains(found(match), match['method'])}\n{match[4]}"

    return PARAGRAPH.sub(paragraph, GAINS.sub(gained, MARKED.sub(table, text)))


def main(root: Path, check: bool) -> int:
    """Bring every page up to date, or say which are not; returns the exit code."""
    stale = []
    for page in [root / "README.md", root / RECIPES, *sorted((root / "docs").rglob("*.md"))]:
        if page.exists() and (new := updated(page.read_text(), root)) != page.read_text():
            stale.append(page.relative_to(root).as_posix())
            if not check:
                page.write_text(new)
    for name in stale:
        print(f"{name}: {'out of date; run python scripts/update_tables.py' if check else 'updated'}")
    return int(check and bool(stale))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say what is out of date")
    sys.exit(main(Path(__file__).parents[1], parser.parse_args().check))
