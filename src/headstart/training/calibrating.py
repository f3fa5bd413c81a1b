"""A run's temperature: fitted on its validation images once, then kept in the run folder as ``calibration.json``.

With it lies what else has to be known to use the model, so that a second use needs no training data.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headstart.data import Dataset, Split
from headstart.data.fetching import fetch
from headstart.errors import HeadstartError
from headstart.evaluation import expected_calibration_error
from headstart.evaluation.temperature import fit_temperature
from headstart.training.facts import Facts
from headstart.training.files import write_json
from headstart.training.inspection import Run
from headstart.training.run_folder import read_json

__all__ = ["calibrated", "fit_facts", "kept_facts", "logits_of"]

NAME, FORMAT = "calibration.json", 1


@torch.inference_mode()
def logits_of(model: nn.Module, split: Split, dataset: Dataset, batch_size: int) -> tuple[Tensor, Tensor]:
    """Logits (n, K) and labels (n,) of all images of ``split``, on the CPU; seen as ``dataset`` shows its own."""
    device = next(model.parameters()).device
    rows = [slice(first, first + batch_size) for first in range(0, len(split), batch_size)]
    found = [(model(dataset.seen(images)).float().cpu(), labels.cpu()) for images, labels in fetch(split, rows, device)]
    return torch.cat([logits for logits, _ in found]), torch.cat([labels for _, labels in found])


def fit_facts(run: Run) -> Facts:
    """The run's temperature, by :func:`~headstart.evaluation.temperature.fit_temperature`, and what it changes."""
    dataset = run.dataset
    logits, labels = logits_of(run.model, dataset.val, dataset, run.recipe.eval_batch)
    temperature = fit_temperature(logits, labels)
    right = logits.argmax(dim=1) == labels
    said = [(logits / t).softmax(dim=1).amax(dim=1) for t in (1.0, temperature)]
    before, after = (float(F.cross_entropy(logits.double() / t, labels)) for t in (1.0, temperature))
    return Facts(
        classes=dataset.classes,
        image_shape=dataset.train.image_shape,
        mean=dataset.mean,
        std=dataset.std,
        temperature=temperature,
        images=len(labels),
        nll=(before, after),
        ece=(expected_calibration_error(said[0], right), expected_calibration_error(said[1], right)),
        accuracy=float(right.double().mean()),
    )


def calibrated(run: Run, folder: Path) -> Facts:
    """The facts of the run in ``folder``: as kept there, else fitted, and kept when the run is finished."""
    kept = kept_facts(folder)
    if kept is not None:
        return kept
    facts = fit_facts(run)
    if run.finished:
        # A folder that may only be read, on a disk that is full or read-only, is used all the same.
        with contextlib.suppress(OSError, HeadstartError):
            write_json(folder / NAME, {"format": FORMAT, "weights": _digest(folder), **facts.to_json()})
    return facts


def kept_facts(folder: Path) -> Facts | None:
    """What ``calibration.json`` says of the weights that lie beside it; None without it or for other weights.

    Raises :class:`~headstart.errors.HeadstartError` when it is damaged or of a newer version.
    """
    if not (folder / NAME).exists() or not (folder / "model.safetensors").exists():
        return None
    stored = read_json(folder / NAME)
    if isinstance(stored, dict) and stored.get("format", 1) > FORMAT:
        raise HeadstartError(
            f"{folder / NAME} was written by a newer headstart (format {stored['format']}, this version reads up to "
            f"{FORMAT}); update with pip install -U headstart, or delete it to have it made anew."
        )
    if not isinstance(stored, dict) or stored.get("weights") != _digest(folder):
        return None
    return Facts.from_json(stored)


def _digest(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
