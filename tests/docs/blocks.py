"""The fenced blocks of README.md and the pages under docs/.

A block that can neither run nor be understood says why, in a comment of its own in front:
``<!-- not run: the reason -->``.
"""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(["README.md", *(page.relative_to(ROOT).as_posix() for page in (ROOT / "docs").rglob("*.md"))])
SHELLS = ("bash", "sh", "shell", "console")
MARKER = re.compile(r"<!-- not run:(.*)-->")


@dataclass(frozen=True)
class Block:
    """A fenced block: where its code begins, its language ("" for none), and why it is not run, if it isn't."""

    page: str
    line: int
    language: str
    code: str
    reason: str | None = None


def blocks(text: str, page: str) -> Iterator[Block]:
    """The fenced blocks of a page; AssertionError for one that does not end, and for a marker without a reason."""
    lines, opened, language, reason = text.splitlines(), None, "", None
    for number, line in enumerate(lines, 1):
        fence = re.fullmatch(r"\s*```(\w*)\s*", line)
        if fence and opened is None:
            opened, language = number + 1, fence[1]
            before = lines[number - 2] if number > 1 else ""
            marker = MARKER.fullmatch(before.strip())
            reason = marker[1].strip() if marker else None
            assert reason != "", f"{page}:{number - 1}: a block is not run and the reason is missing"
        elif fence and opened is not None:
            yield Block(page, opened, language, textwrap.dedent("\n".join(lines[opened - 1 : number - 1])), reason)
            opened = None
    assert opened is None, f"{page}:{opened}: a block without an end"


def of_page(page: str) -> list[Block]:
    return list(blocks((ROOT / page).read_text(encoding="utf-8"), page))


def commands(block: Block) -> Iterator[tuple[str, list[str]]]:
    """The commands of a block, each with its place, as words; lines that go on are put together.

    In a block of a shell every line is one; in a block without a language only those of programs that pages use.
    """
    number = block.line
    for line in re.split(r"(?<!\\)\n", block.code):
        place, number = f"{block.page}:{number}", number + 1 + line.count("\n")
        if block.language == "" and not re.match(r"\s*(\$ )?(headstart|make|pip|python|torchrun)\b", line):
            continue
        for part in re.split(r"\s&&\s", line.replace("\\\n", " ").strip().removeprefix("$ ")):
            words = shlex.split(part, comments=True)
            while words and re.match(r"\w+=", words[0]):  # variables, set in front or alone
                words = [] if "$(" in words[0] else words[1:]
            if words:
                yield place, words
