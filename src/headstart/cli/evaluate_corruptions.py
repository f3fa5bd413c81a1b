"""``headstart evaluate --corruptions``: what each run keeps of its accuracy under noise, blur, weather."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    import torch

    from headstart.training.corruption_arms import CorruptionOptions

__all__ = ["corruption_section"]


def corruption_section(
    shown: Console,
    document: dict[str, Any],
    folders: Sequence[str | Path],
    at: torch.device,
    out: Path,
    options: CorruptionOptions,
) -> list[Path]:
    """``corruptions`` in the document: all arms and seeds in ``folders``; two tables, and a heat map in ``out``."""
    from headstart.reporting.corruptions import corruption_tables, draw_corruptions, of_what
    from headstart.training.corruption_arms import corruption_arms, corruption_runs

    runs = corruption_runs(folders)
    count = sum(len(arm) for arm in runs.values())
    with shown.status("corruptions") as status:

        def tell(name: str, severity: int) -> None:
            place = f"{name}, severity {severity}" if severity else "clean images"
            status.update(f"{count} {'run' if count == 1 else 'runs'}: {place}")

        summary = corruption_arms(runs, options, device=at, on_cell=tell)
    document["corruptions"] = summary
    for table in corruption_tables(summary):
        shown.print(table)
    shown.print(of_what(summary), style="dim", markup=False, highlight=False, soft_wrap=True)
    return [draw_corruptions(summary, out / "corruptions.png", of_what(summary).split(",")[0])]
