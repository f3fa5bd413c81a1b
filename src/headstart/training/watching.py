"""Locality while a model trains: a line after each pass, of where each head's attention is now.

A row of ``locality.jsonl`` holds ``pass`` (0 before the first step) and, for each of the :data:`MEASURES` of
:class:`~headstart.evaluation.locality.HeadLocality`, a list of blocks of lists of heads; ``position`` is the
association of the position embedding, None for models without.

A watched run keeps its weights after a quarter and after half of its passes too, to be looked at later.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from headstart.data import Dataset
from headstart.evaluation.locality import locality
from headstart.initialization import HeadReport
from headstart.training.build import sample_images
from headstart.training.checkpoint import save_weights
from headstart.training.files import write_lines
from headstart.training.recipe import Recipe
from headstart.training.run_folder import read_json
from headstart.training.start import MEASURED_IMAGES

__all__ = ["MEASURES", "Watch", "kept_weights", "read_watched", "starting_heads"]

MEASURES = ("start_mass", "moved", "distance", "entropy", "association")
FILE = "locality.jsonl"


def read_watched(folder: Path) -> list[dict[str, Any]]:
    """The rows in a run's folder; none where it was not watched."""
    path = folder / FILE
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def kept_weights(folder: Path) -> dict[int, Path]:
    """The weights that a watched run kept on its way, by pass."""
    return {int(path.stem.rpartition("-")[2]): path for path in folder.glob("weights-pass-*.safetensors")}


def starting_heads(folder: Path) -> list[HeadReport]:
    """What each head of a run looked at before the first step, watched or not; empty for a model without heads."""
    measured = read_json(folder / "init.json")["on_images"]
    return [_head(head) for head in measured["heads"]] if measured else []


class Watch:
    """Measures a run's heads after each pass, on the validation images that they were measured on at the start.

    Args:
        folder: the run's, claimed.
        recipe: whose sample of the images.
        dataset: the recipe's.

    A model without heads is not watched: :attr:`on` is False, and nothing is written.
    """

    def __init__(self, folder: Path, recipe: Recipe, dataset: Dataset) -> None:
        self.folder = folder
        self.start = starting_heads(folder)
        self.on = bool(self.start)
        self.images = dataset.seen(sample_images(dataset.val, MEASURED_IMAGES, recipe.split_seed))
        self.rows = read_watched(folder)
        self.kept = {recipe.passes // 4, recipe.passes // 2} - {0, recipe.passes}

    def look(self, number: int, model: nn.Module) -> None:
        """Add the row of pass ``number``, in place of those of that pass and later ones, which are trained again."""
        if not self.on:
            return
        # A compiled model would be compiled anew with the hooks that look into it.
        with torch.compiler.set_stance("force_eager"):
            report = locality(model, self.images, self.start)
        row: dict[str, Any] = {"pass": number, "position": report.position and report.position.association}
        for name in MEASURES:
            blocks: list[list[float]] = [[] for _ in range(1 + report.heads[-1].block)]
            for head in report.heads:
                blocks[head.block].append(round(getattr(head, name), 5))
            row[name] = blocks
        self.rows = [*(old for old in self.rows if old["pass"] < number), row]
        write_lines(self.folder / FILE, self.rows)
        if number in self.kept:
            save_weights(self.folder / f"weights-pass-{number}.safetensors", model)


def _head(told: dict[str, Any]) -> HeadReport:
    y, x = told["offset"]
    return HeadReport(told["block"], told["head"], (y, x), told["target_mass"], told["entropy"], torch.empty(0))
