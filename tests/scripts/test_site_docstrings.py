"""Docstrings become Markdown for the API page."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

pytest.importorskip("griffe")
as_markdown = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "site_docstrings.py"))["as_markdown"]


def test_references_become_code() -> None:
    assert as_markdown("The result of :func:`headstart.init_` or :class:`~a.b.C`.") == "The result of `init_` or `C`."


def test_colons_in_front_of_a_formula_are_plain() -> None:
    assert as_markdown("The logits are::\n\n    a = b\n\n::\n\n    c = d") == (
        "The logits are:\n\n    a = b\n\n\n\n    c = d"
    )


def test_examples_become_blocks() -> None:
    text = "Adds.\n\n>>> add(1, 2)\n3\n>>> add(2, 2)\n4\n\nNever subtracts."
    block = "```pycon\n>>> add(1, 2)\n3\n>>> add(2, 2)\n4\n```\n"
    assert as_markdown(text) == f"Adds.\n\n{block}\nNever subtracts."
