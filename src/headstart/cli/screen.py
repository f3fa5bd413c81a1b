"""What ``--help`` shows: usage, an example, what the command does, its options in groups; one screen, no frames."""

from __future__ import annotations

import textwrap
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

__all__ = ["GROUPS", "Overview", "Screen"]

# What a person may want, and the commands for it, in the order in which they are needed.
GROUPS = {
    "Start": {
        "demo": "three starts on real handwritten digits: a few CPU minutes",
        "data": "list, get, check and look at datasets; your own images too",
        "recipes": "named recipes and their commands",
        "methods": "small-data methods and their options",
    },
    "Train": {
        "train": "one model, on any dataset or folder of images",
        "compare": "several initializations, methods or models, seed by seed",
    },
    "Look": {
        "inspect": "pictures of what each head looks at, before and after",
        "report": "a run or a comparison as one HTML page",
        "evaluate": "accuracy, speed, corruptions, other data",
        "verify": "are two images of the same identity? strangers only",
    },
    "Use": {
        "predict": "what images show, with calibrated probabilities",
        "export": "files for ONNX, timm, transformers, the Hugging Face hub",
        "slim": "a faster model with fewer tokens, learned from a run",
        "init": "initialised weights of a model that you train elsewhere",
    },
    "Understand": {"study": "questions about why it works, each one command"},
}
EXIT_CODES = "Exit codes: 0 fine, 1 an error, 2 wrong usage, 130 or 143 stopped (what is done is kept)."


class Screen(TyperCommand):
    """A command; its ``epilog`` is the example, which stands first.

    Typer's own screen has frames and a column of types, and takes twice the height.
    """

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        arguments = [one for one in self.get_params(ctx) if one.param_type_name == "argument"]
        return ["[OPTIONS]", *(_argument(one) if one.required else f"[{_argument(one)}]" for one in arguments)]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self.format_usage(ctx, formatter)
        _example(formatter, self.epilog)
        _paragraph(formatter, self.help)
        _parameters(formatter, self.get_params(ctx))


class Overview(TyperGroup):
    """A group of commands; the lines of its ``epilog`` are examples."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self.format_usage(ctx, formatter)
        first, *others = [line.strip() for line in (self.epilog or "").strip().splitlines()] or [""]
        _example(formatter, first)
        for line in others:
            formatter.write(f"         {line}\n")
        _paragraph(formatter, self.help)
        known = {name: self.commands[name].short_help or "" for name in self.list_commands(ctx)}
        groups = GROUPS if "train" in known else {"Commands": known}
        width = max(map(len, known))
        for title, lines in groups.items():
            _heading(formatter, title)
            _rows(formatter, [(name.ljust(width), line) for name, line in lines.items()])
        if groups is not GROUPS:
            _parameters(formatter, self.get_params(ctx))
            return
        options = ", ".join(max(one.opts, key=len) for one in self.get_params(ctx))
        _paragraph(formatter, f"headstart COMMAND --help says more. Also here: {options}. {EXIT_CODES}")


def _example(formatter: Any, example: str | None) -> None:
    if example:
        formatter.write(f"{typer.style('Example:', bold=True)} {example.strip()}\n")


def _paragraph(formatter: Any, text: str | None) -> None:
    if text:
        formatter.write_paragraph()
        # Marks of code in a docstring are for the pages made from it; an option's name is not to be broken.
        told = [" ".join(part.split()) for part in text.replace("``", "").strip().split("\n\n")]
        filled = [textwrap.fill(part, formatter.width, break_on_hyphens=False) for part in told]
        formatter.write("\n\n".join(filled) + "\n")


def _heading(formatter: Any, title: str) -> None:
    formatter.write_paragraph()
    formatter.write(typer.style(f"{title}:", bold=True) + "\n")


def _rows(formatter: Any, rows: list[tuple[str, str]]) -> None:
    with formatter.indentation():
        formatter.write_dl(rows, col_max=32)


def _parameters(formatter: Any, parameters: list[Any]) -> None:
    """Arguments, which need no heading, then options without a panel, then each panel; all in the same columns."""
    groups: dict[str, list[tuple[str, str]]] = {"": [], "Options": []}
    for one in parameters:
        if getattr(one, "hidden", False):
            continue
        argument = one.param_type_name == "argument"
        title = "" if argument else getattr(one, "rich_help_panel", None) or "Options"
        groups.setdefault(title, []).append((_argument(one) if argument else _option(one), _told(one)))
    width = max(len(name) for rows in groups.values() for name, _ in rows)
    for title, rows in groups.items():
        if rows:
            _heading(formatter, title) if title else formatter.write_paragraph()
            _rows(formatter, [(name.ljust(width), told) for name, told in rows])


def _argument(one: Any) -> str:
    return one.metavar or one.name.upper()


def _option(one: Any) -> str:
    names = ", ".join(sorted(one.opts, key=len))
    return names if one.is_flag or one.count else f"{names} {one.metavar or 'VALUE'}"


def _told(one: Any) -> str:
    """The help, and the default where there is one to tell."""
    default = one.default
    told = one.show_default and default is not None and not isinstance(default, bool) and not callable(default)
    text = one.help or ""
    return f"{text} [{default}]" if told and str(default) else text
