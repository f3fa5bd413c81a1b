"""``headstart evaluate --corruptions``: what each run keeps of its accuracy under noise, blur, weather."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from headstart.cli.common import UsageError
from headstart.cli.speaking import console

if TYPE_CHECKING:
    import torch

    from headstart.training.corruption_arms import CorruptionOptions

__all__ = ["Corruptions", "Frost", "Images", "Published", "chosen_corruptions", "corruption_section"]

Corruptions = Annotated[
    bool, typer.Option("--corruptions", help="Measure 15 corruptions at 5 severities, of all seeds.")
]
CORRUPTING = "How --corruptions corrupts"
Images = Annotated[
    int | None,
    typer.Option("--limit", min=1, metavar="N", help="Test images (default: all).", rich_help_panel=CORRUPTING),
]
Published = Annotated[
    Path | None,
    typer.Option(
        "--published", metavar="FOLDER", help="Where CIFAR-10-C or ImageNet-C is.", rich_help_panel=CORRUPTING
    ),
]
Frost = Annotated[
    Path | None,
    typer.Option("--frost", metavar="FOLDER", help="Where the published photographs are.", rich_help_panel=CORRUPTING),
]


def chosen_corruptions(
    corruptions: bool, limit: int | None, published: Path | None, frost: Path | None
) -> CorruptionOptions | None:
    """The options of the section, None when it was not asked for.

    Raises:
        UsageError: for an option of the section without ``--corruptions``.
    """
    given = {"--limit": limit, "--published": published, "--frost": frost}
    named = [name for name, value in given.items() if value is not None]
    if not corruptions:
        if named:
            raise UsageError(f"{', '.join(named)} belongs to --corruptions: add it.")
        return None
    from headstart.training.corruption_arms import CorruptionOptions

    return CorruptionOptions(limit=limit, published=published, frost=frost)


def corruption_section(
    shown: Console,
    document: dict[str, Any],
    folders: Sequence[str | Path],
    at: torch.device,
    out: Path,
    options: CorruptionOptions,
) -> list[Path]:
    """``corruptions`` in the document: all arms and seeds in ``folders``; tables, and a heat map in ``out``."""
    from headstart.reporting.corruptions import corruption_tables, draw_corruptions, heading, of_what
    from headstart.training.corruption_arms import corruption_arms, corruption_runs

    runs = corruption_runs(folders)
    count = sum(len(arm) for arm in runs.values())
    with console().status("corruptions") as status:

        def tell(name: str, severity: int) -> None:
            place = f"{name}, severity {severity}" if severity else "clean images"
            status.update(f"{count} {'run' if count == 1 else 'runs'}: {place}")

        summary = corruption_arms(runs, options, device=at, on_cell=tell)
    document["corruptions"] = summary
    for table in corruption_tables(summary):
        shown.print(table)
        shown.print()
    shown.print(of_what(summary), style="dim", markup=False, highlight=False, soft_wrap=True)
    return [draw_corruptions(summary, out / "corruptions.png", heading(summary))]
