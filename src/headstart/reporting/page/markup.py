"""Pieces of HTML that several sections are made of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Cell", "details", "scrolled", "section", "table"]


@dataclass(frozen=True)
class Cell:
    """What a cell shows, and the exact number behind it."""

    text: str
    value: float | None = None

    def html(self) -> str:
        exact = "" if self.value is None else f' data-value="{self.value!r}"'
        return f"<td{exact}>{escape(self.text)}</td>"


def table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str | Cell]], name: str = "") -> str:
    """A table whose first column names its rows; wide ones scroll by themselves, by keyboard too."""
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in header)
    lines = []
    for row in rows:
        first, *others = (cell if isinstance(cell, Cell) else Cell(cell) for cell in row)
        cells = "".join(cell.html() for cell in others)
        lines.append(f'<tr><th scope="row">{_foldable(first.text)}</th>{cells}</tr>')
    named = f' id="{name}"' if name else ""
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return scrolled(caption, f'<table{named} aria-label="{escape(caption, quote=True)}">{body}</table>')


def _foldable(name: str) -> str:
    """A name that may be folded between its parts, as ``impulse:solver=rotation+drloc`` has them, not within one."""
    return re.sub(r"(?<=\w)([+:,@])(?=\w)", r"<wbr>\1", escape(name))


def scrolled(caption: str, content: str) -> str:
    """What may be wider than the page under its caption, which stays where it is."""
    label = escape(caption, quote=True)
    return (
        f'<p class="note">{escape(caption)}</p>'
        f'<div class="scroll" role="region" tabindex="0" aria-label="{label}">{content}</div>'
    )


def section(name: str, title: str, *parts: str) -> str:
    """A part of the page that can be reached by its name."""
    heading = f'<h2 id="{name}-title">{escape(title)}</h2>'
    return f'<section id="{name}" aria-labelledby="{name}-title">{heading}{"".join(parts)}</section>'


def details(summary: str, content: str, shown: bool = False) -> str:
    """What unfolds under its summary."""
    return f"<details{' open' if shown else ''}><summary>{escape(summary)}</summary>{content}</details>"
