"""A trained model on images of another dataset, whose classes it knows by name."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headstart.data import Split, load_collection
from headstart.data.fetching import fetch
from headstart.errors import HeadstartError
from headstart.evaluation import expected_calibration_error
from headstart.training.facts import Facts
from headstart.training.inspection import Run

__all__ = ["Elsewhere", "evaluate_on"]

# ITU-R 601 luma in 65536ths, rounded as Pillow does it.
RED, GREEN, BLUE = 19595, 38470, 7471


@dataclass(frozen=True)
class Elsewhere:
    """What a model does on other images.

    Args:
        part: which images were used: ``test``, or ``all`` where there is no such part.
        images: how many.
        accuracy: share that is classified rightly.
        balanced: mean over the classes that occur of the share within each.
        nll: mean negative log-likelihood, with calibrated probabilities.
        ece: expected calibration error, likewise.
        per_class: share within each class that occurs, and its number of images.
        absent: classes that the model knows and of which there is no image.
    """

    part: str
    images: int
    accuracy: float
    balanced: float
    nll: float
    ece: float
    per_class: dict[str, tuple[float, int]]
    absent: tuple[str, ...]


@torch.inference_mode()
def evaluate_on(run: Run, facts: Facts, spec: str) -> Elsewhere:
    """The run's model on the dataset ``spec``, whose classes are matched to the model's by name.

    Of a dataset with a test part its images are used, of another one all. They are resized to the model's size, and
    made grey or colour, as the model's were, and normalised by the numbers of the images it was trained on. The model
    answers among all the classes it knows.

    Raises:
        HeadstartError: for a class that the model does not know, for what it was trained on without a test part, and
            as :func:`~headstart.data.load_dataset` does.
    """
    channels, height, width = facts.image_shape
    if height != width:
        raise HeadstartError(f"expected a model of square images, got one of {height}×{width}.")
    found = load_collection(spec, image_size=height, max_bad=run.recipe.max_bad)
    parts = [found.parts["test"]] if "test" in found.parts else list(found.parts.values())
    # A known dataset has no content; its name says what it holds.
    same = found.content == run.dataset.content and (found.content != "" or found.name == run.dataset.name)
    if same and "test" not in found.parts:
        raise HeadstartError(
            f"{spec} is what the model was trained on, without a test part of its own; the test images that were set "
            "aside are evaluated without --on."
        )
    present = sorted({found.classes[k] for part in parts for k in part.split.labels.unique().tolist()})
    unknown = [name for name in present if name not in facts.classes]
    if unknown:
        raise HeadstartError(
            f"{spec} has classes that the model does not know: {_some(unknown)}; it knows {_some(facts.classes)}. "
            "Rename or leave out what does not fit: classes are matched by name."
        )
    number = torch.tensor([facts.classes.index(name) if name in facts.classes else -1 for name in found.classes])
    pairs = [_logits(run.model, part.split, run, channels) for part in parts]
    logits, labels = torch.cat([pair[0] for pair in pairs]), number[torch.cat([pair[1] for pair in pairs])]
    scaled = logits.double() / facts.temperature
    right = logits.argmax(dim=1) == labels
    per_class = {}
    for name in (name for name in facts.classes if name in present):
        mine = labels == facts.classes.index(name)
        per_class[name] = (float(right[mine].double().mean()), int(mine.sum()))
    return Elsewhere(
        part="test" if "test" in found.parts else "all",
        images=len(labels),
        accuracy=float(right.double().mean()),
        balanced=sum(share for share, _ in per_class.values()) / len(per_class),
        nll=float(F.cross_entropy(scaled, labels)),
        ece=expected_calibration_error(scaled.softmax(dim=1).amax(dim=1), right),
        per_class=per_class,
        absent=tuple(name for name in facts.classes if name not in present),
    )


def _logits(model: nn.Module, split: Split, run: Run, channels: int) -> tuple[Tensor, Tensor]:
    device = next(model.parameters()).device
    size = run.recipe.eval_batch
    rows = [slice(first, first + size) for first in range(0, len(split), size)]
    found = []
    for images, labels in fetch(split, rows, device):
        seen = run.dataset.seen(_of_channels(images, channels))
        found.append((model(seen).float().cpu(), labels.cpu()))
    return torch.cat([logits for logits, _ in found]), torch.cat([labels for _, labels in found])


def _of_channels(images: Tensor, channels: int) -> Tensor:
    """uint8 images (B, 1 or 3, H, W) with as many channels as the model takes."""
    if images.shape[1] == channels:
        return images
    if channels == 3:
        return images.expand(-1, 3, -1, -1)
    weights = torch.tensor([RED, GREEN, BLUE], device=images.device)[:, None, None]
    return ((images.long() * weights).sum(dim=1, keepdim=True) + 0x8000 >> 16).to(torch.uint8)


def _some(names: list[str] | tuple[str, ...], most: int = 10) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
