"""Before the first step: the initialization, and what each head looks at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from headstart.data import Dataset, normalize
from headstart.initialization import measure
from headstart.training.build import initialize, sample_images
from headstart.training.files import write_json
from headstart.training.recipe import Recipe
from headstart.training.run_folder import claim

if TYPE_CHECKING:
    from headstart.initialization import InitReport

__all__ = ["start"]

MEASURED_IMAGES = 64  # validation images on which the heads are measured before training


def start(
    model: nn.Module,
    recipe: Recipe,
    dataset: Dataset,
    out: Path,
    config: dict[str, Any],
    on_start: Callable[[InitReport], object] | None,
    *,
    write: bool = True,
) -> None:
    """Initialize, take the folder, and write down what each head looks at before the first step.

    With ``write`` false only the weights are set: another process does the rest.
    """
    report = initialize(model, recipe, dataset)
    if not write:
        return
    seen = sample_images(dataset.val, MEASURED_IMAGES, recipe.split_seed)
    measured = measure(model, normalize(seen, dataset.mean, dataset.std).to(next(model.parameters()).device))
    measured.scheme = report.scheme
    claim(out, config, dataset=recipe.dataset)  # only now: a scheme that does not fit leaves nothing behind
    if on_start is not None:
        on_start(measured)
    write_json(
        out / "init.json",
        {"notes": report.notes, "report": report.to_dict(), "on_images": measured.to_dict()},
    )
