"""Names that the shell completes: recipes, methods, schemes, datasets, studies.

They are read from the text of the package's own files: importing what registers them imports torch, and a person who
presses the Tab key would wait for seconds. A test compares them with the registries.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["NAMES", "dataset_names", "known", "method_names", "recipe_names", "scheme_names", "study_names"]

ATTRIBUTE = r'^    name\b[^=\n]*= "([\w-]+)"'
# What, in which files, and how a name is written there.
NAMES = {
    "dataset": ("data/sources/*.py", r'name="(\w+)",|^    "(\w+)": \($|_source\(\n\s+"(\w+)"'),
    "method": ("methods/*.py", ATTRIBUTE),
    "recipe": ("training/named.py", r'^    "(\w+)": \w+,$'),
    "scheme": ("initialization/*.py", ATTRIBUTE),
    "study": ("studies/*.py", r'Study\(\n\s+"(\w+)"'),
}


def known(kind: str) -> list[str]:
    """The names of a kind, sorted; none where the package's files can't be read as text.

    >>> known("scheme")[:3]
    ['conditioned', 'default', 'impulse']
    """
    pattern, written = NAMES[kind]
    package = Path(__file__).parents[1]
    try:
        texts = [path.read_text(encoding="utf-8") for path in package.glob(pattern)]
    except OSError:
        return []
    found = (match for text in texts for match in re.finditer(written, text, re.MULTILINE))
    names = {name for match in found for name in match.groups() if name}
    return sorted(names | {"digits"} if kind == "dataset" else names)


def dataset_names(incomplete: str) -> list[str]:
    """Datasets that begin so; where none does, the shell names files."""
    return [name for name in known("dataset") if name.startswith(incomplete)]


def recipe_names(incomplete: str) -> list[str]:
    """Recipes that begin so."""
    return [name for name in known("recipe") if name.startswith(incomplete)]


def study_names(incomplete: str) -> list[str]:
    """Studies that begin so."""
    return [name for name in known("study") if name.startswith(incomplete)]


def method_names(incomplete: str) -> list[str]:
    """Methods for the last of several with commas between."""
    return _last(incomplete, ",", {",": "method"})


def scheme_names(incomplete: str) -> list[str]:
    """Schemes for the last of several with commas between, and methods behind a plus.

    >>> scheme_names("default,imp")
    ['default,impulse']
    >>> scheme_names("impulse+drl")
    ['impulse+drloc']
    """
    return _last(incomplete, ",+", {",": "scheme", "+": "method"})


def _last(incomplete: str, between: str, kinds: dict[str, str]) -> list[str]:
    cut = max(incomplete.rfind(mark) for mark in between) + 1
    kind = kinds[incomplete[cut - 1] if cut else ","]
    return [incomplete[:cut] + name for name in known(kind) if name.startswith(incomplete[cut:])]
