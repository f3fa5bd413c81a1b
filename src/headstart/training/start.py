"""Before the first step: the device, the initialization, and what each head looks at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from headstart.data import Dataset, normalize
from headstart.errors import HeadstartError
from headstart.initialization import measure
from headstart.training.build import initialize, sample_images
from headstart.training.files import write_json
from headstart.training.recipe import Recipe
from headstart.training.run_folder import claim

if TYPE_CHECKING:
    from accelerate import Accelerator

    from headstart.initialization import InitReport

__all__ = ["accelerator_for", "start"]

MEASURED_IMAGES = 64  # validation images on which the heads are measured before training


def start(
    model: nn.Module,
    recipe: Recipe,
    dataset: Dataset,
    out: Path,
    config: dict[str, Any],
    on_start: Callable[[InitReport], object] | None,
) -> None:
    """Initialize, take the folder, and write down what each head looks at before the first step."""
    report = initialize(model, recipe, dataset)
    seen = sample_images(dataset.val, MEASURED_IMAGES, recipe.split_seed)
    measured = measure(model, normalize(seen, dataset.mean, dataset.std))
    measured.scheme = report.scheme
    claim(out, config, dataset=recipe.dataset)  # only now: a scheme that does not fit leaves nothing behind
    if on_start is not None:
        on_start(measured)
    write_json(
        out / "init.json",
        {"notes": report.notes, "report": report.to_dict(), "on_images": measured.to_dict()},
    )


def accelerator_for(precision: str) -> Accelerator:
    """The device to train on, and the precision.

    Raises :class:`~headstart.errors.HeadstartError` for bfloat16 without a GPU.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    cuda = torch.cuda.is_available()
    if precision == "bfloat16" and not cuda:
        raise HeadstartError("precision 'bfloat16' needs a CUDA GPU; use --set precision=auto or float32 here.")
    mixed = "bf16" if precision == "bfloat16" or (precision == "auto" and cuda) else "no"
    # Accelerate keeps one precision per process; a comparison may come after a run of another.
    AcceleratorState._reset_state()
    return Accelerator(mixed_precision=mixed, cpu=not cuda)
