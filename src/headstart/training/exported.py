"""A model in one file, ``headstart.safetensors``: weights, recipe, classes, preprocessing and temperature.

It is a checkpoint (:mod:`headstart.training.checkpoint`), with its checksum, that holds the model alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from headstart.errors import HeadstartError
from headstart.training.checkpoint import encode_checkpoint, read_checkpoint
from headstart.training.facts import Facts
from headstart.training.files import write_atomically
from headstart.training.inspection import with_weights
from headstart.training.provenance import without_place
from headstart.training.recipe import Recipe

__all__ = ["NAME", "is_exported", "load_exported", "save_exported", "without_places"]

NAME = "headstart.safetensors"


def is_exported(path: Path) -> bool:
    """Whether ``path`` is such a file, by its ending, or a folder with one that is no run."""
    return path.suffix == ".safetensors" or ((path / NAME).exists() and not (path / "result.json").exists())


def save_exported(path: Path, recipe: Recipe, facts: Facts, model: nn.Module) -> None:
    """Write the file, atomically. It says what the dataset is called, and a teacher, not where they lie."""
    meta: dict[str, Any] = {"recipe": without_places(recipe), "facts": facts.to_json()}
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    write_atomically(path, encode_checkpoint(tensors, meta, recipe.config_hash))


def without_places(recipe: Recipe) -> dict[str, Any]:
    """:meth:`~headstart.training.Recipe.portable`, and of an absolute path in a method's options its last part.

    Whoever opens the model needs no teacher, and where it lay is nobody's business.
    """
    values = recipe.portable()
    if recipe.methods:
        values["methods"] = [without_place(method) for method in recipe.methods]
    return values


def load_exported(path: Path) -> tuple[Recipe, Facts, nn.Module]:
    """Recipe, facts and model, in evaluation mode, of a file of :func:`save_exported` or a folder with it.

    Raises :class:`~headstart.errors.HeadstartError` when the file is damaged, a newer version's, or another thing.
    """
    file = path / NAME if path.is_dir() else path
    _, meta = read_checkpoint(file, weights_alone=True)
    if meta is None or "facts" not in meta:
        raise HeadstartError(
            f"{file} has weights, but not what it takes to use them; expected a {NAME} of `headstart export`, or a run "
            "folder."
        )
    recipe, facts = Recipe(**meta["recipe"]), Facts.from_json(meta["facts"])
    return recipe, facts, with_weights(recipe, facts.dataset(recipe), file)
