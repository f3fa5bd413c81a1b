"""A table that fits the terminal: as it is, else with each row's name on a line of its own, else in parts below
each other. Nothing is cut or left out, and no number is broken in two.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.text import Text

__all__ = ["Fitted"]

GAP = 2  # spaces between columns
INDENT = 2  # of the cells below a name
BREAKS = re.compile(r"(?<=[ :+@/,_])(?=[^ ]{2})")  # where a heading may be broken: not before a unit


class Fitted:
    """A table for rich's ``console.print``.

    Args:
        header: headings, the first that of the rows' names.
        rows: cells, as many as headings in each.
        bold: numbers of the rows to be set in bold.
        left: columns that are words and stand on the left.

    >>> from rich.console import Console
    >>> Console(width=26).print(Fitted(["init", "accuracy, %", "n"], [["a long name: of an arm", "50.0 ± 1.5", "3"]]))
      accuracy, %  n
    ────────────────
    a long name: of an arm
       50.0 ± 1.5  3
    """

    def __init__(
        self,
        header: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        bold: Collection[int] = (),
        left: Collection[int] = (),
    ) -> None:
        self.header, self.rows = list(header), [list(row) for row in rows]
        self.bold, self.left = set(bold), {0, *left}

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        from rich.text import Text

        for line, style in self.lines(options.max_width):
            # Only a name that is wider than the terminal is folded.
            yield Text(line.rstrip(), style=style, overflow="fold")

    def lines(self, width: int) -> Iterator[tuple[str, str]]:
        """The lines at this width, each with its style."""
        every = list(range(len(self.header)))
        if self._widths(every, width) is not None:
            yield from self._part(every, width, named=False)
            return
        # Names that take much of the width go above their cells; short ones are repeated in every part.
        named = _wide(0, self) > width // 3 or self._widths(every[1:], width - INDENT) is not None
        for number, part in enumerate(self._parts(width, named)):
            if number:
                yield "", ""
            yield from self._part(part, width, named)

    def _parts(self, width: int, named: bool) -> Iterator[list[int]]:
        first, room = ([], width - INDENT) if named else ([0], width)
        part: list[int] = []
        for column in range(1, len(self.header)):
            if part and self._widths([*first, *part, column], room) is None:
                yield [*first, *part]
                part = []
            part.append(column)
        yield [*first, *part]

    def _widths(self, columns: Sequence[int], width: int) -> list[int] | None:
        """The columns' widths, headings in as few lines as fit; None where they don't in any number of lines."""
        words = max((len(_pieces(self.header[column])) for column in columns), default=1)
        for count in range(1, words + 1):
            widths = [max(_wide(column, self), _narrowest(self.header[column], count)) for column in columns]
            if sum(widths) + GAP * (len(widths) - 1) <= width:
                return widths
        return None

    def _part(self, columns: list[int], width: int, named: bool) -> Iterator[tuple[str, str]]:
        room = width - INDENT if named else width
        widths = self._widths(columns, room) or [max(1, room)] * len(columns)
        before = " " * (INDENT if named else 0)
        headings = [_folded(self.header[column], size) for column, size in zip(columns, widths, strict=True)]
        tall = max(map(len, headings))
        for line in range(tall):
            # On the last line, next to the cells, where a heading has fewer lines than others.
            words = [lines[line - tall + len(lines)] if line >= tall - len(lines) else "" for lines in headings]
            yield before + self._line(words, columns, widths), "bold"
        yield "─" * (len(before) + sum(widths) + GAP * (len(widths) - 1)), "dim"
        for number, row in enumerate(self.rows):
            style = "bold" if number in self.bold else ""
            if named:
                yield row[0], style
            yield before + self._line([row[column] for column in columns], columns, widths), style

    def _line(self, cells: list[str], columns: list[int], widths: list[int]) -> str:
        from rich.cells import cell_len

        padded = []
        for cell, column, size in zip(cells, columns, widths, strict=True):
            space = " " * max(0, size - cell_len(cell))
            padded.append(cell + space if column in self.left else space + cell)
        return (" " * GAP).join(padded)


def _wide(column: int, table: Fitted) -> int:
    from rich.cells import cell_len

    return max((cell_len(row[column]) for row in table.rows), default=1)


def _pieces(heading: str) -> list[str]:
    return [piece for piece in BREAKS.split(heading) if piece]


def _folded(heading: str, width: int) -> list[str]:
    lines = [""]
    for piece in _pieces(heading):
        if lines[-1] and len((lines[-1] + piece).rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]


def _narrowest(heading: str, count: int) -> int:
    """The least width at which a heading takes at most ``count`` lines."""
    least = max((len(piece.rstrip()) for piece in _pieces(heading)), default=0)
    return next(width for width in range(least, len(heading) + 1) if len(_folded(heading, width)) <= count)
