"""Models on corrupted images: each corruption made once, for all models.

Shapes: B images, C channels, H rows, W columns, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from headstart.attention.hooks import evaluating
from headstart.data import Split, normalize
from headstart.errors import HeadstartError, unknown
from headstart.evaluation.calibration import expected_calibration_error
from headstart.evaluation.corruptions.corrupting import corrupt_with_seeds
from headstart.evaluation.corruptions.draws import image_seeds
from headstart.evaluation.corruptions.published import Published
from headstart.evaluation.corruptions.result import CorruptionResult
from headstart.evaluation.corruptions.tables import CORRUPTIONS, SEVERITIES, SUITES, suite_for

__all__ = ["evaluate_corruptions", "evaluate_corruptions_of", "spread"]

Batches = Iterator[tuple[Tensor, Tensor]]


def evaluate_corruptions(
    model: nn.Module, split: Split, mean: Sequence[float], std: Sequence[float], **options: Any
) -> CorruptionResult:
    """:func:`evaluate_corruptions_of` one model, with its options."""
    return evaluate_corruptions_of([model], split, mean, std, **options)[0]


def evaluate_corruptions_of(
    models: Sequence[nn.Module],
    split: Split,
    mean: Sequence[float],
    std: Sequence[float],
    *,
    corruptions: Sequence[str] = CORRUPTIONS,
    severities: Sequence[int] = SEVERITIES,
    limit: int | None = None,
    seed: int = 0,
    batch_size: int = 256,
    published: Published | None = None,
    frost_photographs: Sequence[Tensor] | None = None,
    on_cell: Callable[[str, int], object] | None = None,
) -> list[CorruptionResult]:
    """Accuracy and calibration of each model on clean images, and under each corruption and severity.

    All models see the same images. Image i comes out the same whatever ``limit``, ``batch_size``, the choice of
    corruptions and the device (but for rounding).

    Args:
        models: each maps normalized images (B, C, H, W) to logits (B, K); all on one device, where the work is done.
        split: the test images and their labels.
        mean: of each channel, as in training.
        std: likewise.
        corruptions: which; all fifteen.
        severities: which; all five.
        limit: so many images, spread evenly over the split; all of them when None.
        seed: of everything that corruptions draw.
        batch_size: images at once.
        published: files of CIFAR-10-C or ImageNet-C to read instead of making corruptions, see :func:`open_published`.
        frost_photographs: of :func:`read_frost`; without them frost is made up, and the result says so.
        on_cell: is told of each corruption and severity before it begins; the clean images are ``("clean", 0)``.

    Raises:
        HeadstartError: on an unknown corruption or severity, no model, a limit that is out of range, or images that
            can't be corrupted.
    """
    suite = suite_for(*split.image_shape[1:]) if published is None else SUITES[published.suite]
    for name in corruptions:
        if name not in CORRUPTIONS:
            raise unknown("corruption", name, CORRUPTIONS)
        for severity in severities:
            suite.of(name, severity)
    if not models or not corruptions or not severities:
        raise HeadstartError("expected one or more models, corruptions and severities, got none of one of them.")
    chosen = spread(len(split), limit)
    device = next(models[0].parameters()).device
    measure = partial(_measure, models, mean, std)

    def clean() -> Batches:
        for part in chosen.split(batch_size):
            batch = split[part].to(device)
            yield batch.images, batch.labels

    def corrupted(name: str, severity: int) -> Batches:
        if published is not None:
            for batch in published.batches(name, severity, chosen, batch_size):
                yield batch.images.to(device), batch.labels.to(device)
            return
        seeds = _cell_seeds(seed, name, severity, len(split))
        for part, (images, labels) in zip(chosen.split(batch_size), clean(), strict=True):
            yield (
                corrupt_with_seeds(
                    images, name, severity, seeds[part], suite=suite, frost_photographs=frost_photographs
                ),
                labels,
            )

    tell = on_cell or (lambda _name, _severity: None)
    with ExitStack() as stack:
        for model in models:
            stack.enter_context(evaluating(model))
        stack.enter_context(torch.no_grad())
        tell("clean", 0)
        plain = measure(clean())
        cells: dict[str, list[list[tuple[float, float]]]] = {}
        for name in corruptions:
            cells[name] = []
            for severity in severities:
                tell(name, severity)
                cells[name].append(measure(corrupted(name, severity)))
    frost = "published" if published is not None else "made" if frost_photographs is None else "photographs"
    return [
        CorruptionResult(
            source="generated" if published is None else "published",
            suite=suite.name,
            frost=frost,
            images=len(chosen),
            pixels=split.image_shape[1:],
            seed=seed,
            severities=tuple(severities),
            clean_accuracy=plain[i][0],
            clean_ece=plain[i][1],
            accuracy={name: tuple(cell[i][0] for cell in row) for name, row in cells.items()},
            ece={name: tuple(cell[i][1] for cell in row) for name, row in cells.items()},
        )
        for i in range(len(models))
    ]


def spread(count: int, limit: int | None) -> Tensor:
    """Places of ``limit`` out of ``count`` images, evenly spaced: test sets are often sorted by class.

    >>> spread(10, 4).tolist()
    [0, 2, 5, 7]
    """
    if limit is None:
        return torch.arange(count)
    if not 1 <= limit <= count:
        raise HeadstartError(f"expected limit between 1 and {count}, the images of the split, got {limit}.")
    return torch.arange(limit) * count // limit


def _cell_seeds(seed: int, name: str, severity: int, count: int) -> Tensor:
    # Of the cell itself, not of its turn: a part of the suite sees the images that the whole suite does.
    cell = 5 * CORRUPTIONS.index(name) + severity
    return image_seeds(count, torch.Generator().manual_seed(1000 * seed + cell))


def _measure(
    models: Sequence[nn.Module], mean: Sequence[float], std: Sequence[float], batches: Batches
) -> list[tuple[float, float]]:
    """(accuracy, ECE) of each model."""
    said: list[list[Tensor]] = [[] for _ in models]
    right: list[list[Tensor]] = [[] for _ in models]
    for images, labels in batches:
        inputs = normalize(images, mean, std)
        for i, model in enumerate(models):
            confidence, guess = model(inputs).float().softmax(-1).max(-1)
            said[i].append(confidence)
            right[i].append(guess == labels)
    found = []
    for confidences, hits in zip(said, right, strict=True):
        correct = torch.cat(hits)
        ece = expected_calibration_error(torch.cat(confidences), correct)
        found.append((float(correct.double().mean()), ece))
    return found
