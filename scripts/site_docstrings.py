"""An extension of griffe, which reads docstrings for the site's API page: two things of ours as Markdown has them.

References such as ``:class:`~headstart.InitReport``` become their last name in code, and an example that begins with
``>>>`` becomes a code block.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:class|func|meth|mod|attr|data|exc):`~?(?:[\w.]*\.)?(\w+)`")
EXAMPLE = re.compile(r"^(?P<indent> *)>>> .*\n?(?:^(?P=indent).*\S.*\n?)*", re.MULTILINE)


def as_markdown(text: str) -> str:
    """A docstring with its references and examples as Markdown.

    >>> as_markdown("Raises :class:`~headstart.errors.HeadstartError`.")
    'Raises `HeadstartError`.'
    """
    text = ROLE.sub(r"`\1`", text)

    def fenced(match: re.Match[str]) -> str:
        indent = match["indent"]
        return f"{indent}```pycon\n{match[0].rstrip()}\n{indent}```\n"

    return EXAMPLE.sub(fenced, text)


class Docstrings(griffe.Extension):
    """Changes every docstring once it is read."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)
