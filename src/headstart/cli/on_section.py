"""``headstart evaluate --on``: finished runs on the images of another dataset."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    import torch

    from headstart.training.opening import Opened

__all__ = ["on_section"]


def on_section(shown: Console, document: dict[str, Any], opened: list[Opened], at: torch.device, spec: str) -> None:
    """Adds ``on`` to the document's entry of each run: what it does on the dataset ``spec``; prints a line or two."""
    from headstart.data import spec_name
    from headstart.training.calibrating import fit_facts
    from headstart.training.elsewhere import evaluate_on

    for one, entry in zip(opened, document["runs"], strict=True):
        run = one.run
        run.model.to(at)
        found = evaluate_on(run, fit_facts(run), spec)
        run.model.cpu()
        entry["on"] = {"dataset": spec_name(spec), **asdict(found)}
        part = "its test images" if found.part == "test" else "all its images"
        shown.print(
            f"{one.name} on {spec_name(spec)} ({part}, {found.images}): {found.accuracy:.2%} right, "
            f"{found.balanced:.2%} as a mean over classes; calibration error {found.ece:.4f}",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
        worst = sorted(found.per_class.items(), key=lambda item: item[1][0])[:5]
        words = ", ".join(f"{name} {share:.1%} of {count}" for name, (share, count) in worst)
        shown.print(f"  worst: {words}", markup=False, highlight=False, soft_wrap=True)
        if found.absent:
            names = ", ".join(found.absent[:10]) + (f" and {len(found.absent) - 10} more" * (len(found.absent) > 10))
            shown.print(f"  no image of: {names}", style="yellow", markup=False, highlight=False, soft_wrap=True)
