"""What runs that train at once do in a step, and how they are evaluated.

Shapes: ``M`` runs, ``B`` images of a batch, ``K`` classes.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headstart.data import Dataset, Split
from headstart.data.fetching import fetch
from headstart.training.feed import Feed, Part
from headstart.training.processes import Processes
from headstart.training.stacked import Stacked

__all__ = ["accuracies", "cross_entropies", "stack_parts", "try_runs"]


def stack_parts(parts: Sequence[Part], which: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Images, targets, labels and draws of each run, (M, B, …), from those of each feed."""
    drops = [part.drops for part in parts if part.drops is not None]
    return (
        torch.stack([part.images for part in parts])[which],
        torch.stack([part.targets for part in parts])[which],
        torch.stack([part.labels for part in parts])[which],
        torch.stack(drops)[which] if drops else None,
    )


def cross_entropies(logits: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """The mean loss of each run, (M,), for logits (M, B, K) and targets (M, B) or (M, B, K)."""
    flat = F.cross_entropy(logits.flatten(0, 1), targets.flatten(0, 1), reduction="none", label_smoothing=smoothing)
    return flat.view(len(logits), -1).mean(dim=1)


@torch.no_grad()
def accuracies(final: Stacked, split: Split, dataset: Dataset, batch_size: int, processes: Processes) -> list[float]:
    """Share of ``split`` that each run's model classifies rightly; a batch of ``batch_size`` images over all runs."""
    count, size = len(final.models), max(1, batch_size // len(final.models))
    for model in final.models:
        model.eval()
    right = torch.zeros(count, dtype=torch.int64, device=processes.device)
    rows = [slice(begin, begin + size) for begin in range(0, len(split), size)]
    for images, labels in fetch(split, rows, processes.device):
        seen = dataset.seen(images)
        with processes.accelerator.autocast():
            logits = final(seen.expand(count, *seen.shape))
        right += (logits.argmax(dim=2) == labels).sum(dim=1)
    return [number / len(split) for number in right.tolist()]


def try_runs(count: int, models: Sequence[nn.Module], feed: Feed) -> None:
    """The memory of a training step of ``count`` runs; nothing is learned."""
    copies = Stacked([copy.deepcopy(model).train() for model in models[:count]])
    part = next(next(feed.steps(1)))
    images = part.images.expand(count, *part.images.shape)
    drops = None if part.drops is None else part.drops.expand(count, *part.drops.shape)
    copies(images, drops).sum().backward()
