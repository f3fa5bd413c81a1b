"""An extension of griffe, which reads docstrings for the site's API page: three things as Markdown has them.

References such as ``:class:`~headstart.InitReport``` become their last name in code, an example that begins with
``>>>`` becomes a code block, and the two colons in front of an indented formula become one or none.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:class|func|meth|mod|attr|data|exc):`~?(?:[\w.]*\.)?(\w+)`")
COLONS = re.compile(r"(?P<words>\w)?(?P<space> *)::$", re.MULTILINE)
EXAMPLE = re.compile(r"^(?P<indent> *)>>> .*\n?(?:^(?P=indent).*\S.*\n?)*", re.MULTILINE)


def as_markdown(text: str) -> str:
    """A docstring with its references, examples and formulas as Markdown.

    >>> as_markdown("Raises :class:`~headstart.errors.HeadstartError`.")
    'Raises `HeadstartError`.'
    """
    text = COLONS.sub(lambda found: f"{found['words']}:" if found["words"] else "", ROLE.sub(r"`\1`", text))

    def fenced(match: re.Match[str]) -> str:
        indent = match["indent"]
        return f"{indent}```pycon\n{match[0].rstrip()}\n{indent}```\n"

    return EXAMPLE.sub(fenced, text)


class Docstrings(griffe.Extension):
    """Changes every docstring once it is read."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)
