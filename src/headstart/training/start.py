"""Before the first step: the initialization, and what each head looks at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from headstart.attention import attention_view
from headstart.data import Dataset
from headstart.errors import HeadstartError, UnsupportedModel
from headstart.initialization import Default, measure, resolve
from headstart.training.build import initialize, sample_images
from headstart.training.files import write_json
from headstart.training.provenance import commit
from headstart.training.recipe import Recipe
from headstart.training.run_folder import claim

if TYPE_CHECKING:
    from headstart.initialization import InitReport

__all__ = ["has_heads", "start"]

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

    With ``write`` false only the weights are set: another process does the rest. A model whose attention can't be
    seen, or has none, keeps its usual start, and nothing is told of its heads.
    """
    if not has_heads(model, recipe):
        if write:
            claim(out, config, dataset=recipe.dataset, commit=commit())
            write_json(out / "init.json", {"notes": [], "report": None, "on_images": None})
        return
    report = initialize(model, recipe, dataset)
    if not write:
        return
    seen = sample_images(dataset.val, MEASURED_IMAGES, recipe.split_seed)
    measured = measure(model, dataset.seen(seen).to(next(model.parameters()).device))
    measured.scheme = report.scheme
    # Only now: a scheme that does not fit leaves nothing behind.
    claim(out, config, dataset=recipe.dataset, commit=commit())
    if on_start is not None:
        on_start(measured)
    write_json(
        out / "init.json",
        {"notes": report.notes, "report": report.to_dict(), "on_images": measured.to_dict()},
    )


def has_heads(model: nn.Module, recipe: Recipe) -> bool:
    """Whether the model has heads that can be looked at; one that has none keeps its usual start.

    Raises :class:`~headstart.errors.HeadstartError` where another start was asked for.
    """
    try:
        attention_view(model)
    except UnsupportedModel as unseen:
        if isinstance(resolve(recipe.init), Default):
            return False
        raise HeadstartError(
            f"--init {recipe.init} sets attention heads, and those of this model can't be seen ({unseen}) Use "
            "--init default with it."
        ) from None
    return True
