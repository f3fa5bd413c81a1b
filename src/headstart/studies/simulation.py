"""Positional attention on spatially structured data: how it is trained and what is measured on the way."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from headstart.data.spatial import SpatialSample, SpatialTask
from headstart.evaluation.locality import patch_association, same_set
from headstart.models.positional import PositionalAttention

__all__ = ["error", "fit", "observe"]


def error(model: PositionalAttention, sample: SpatialSample) -> float:
    """Share of ``sample`` whose sign is wrong."""
    with torch.no_grad():
        return (model(sample.patches) * sample.labels <= 0).double().mean().item()


def observe(model: PositionalAttention, task: SpatialTask, test: SpatialSample) -> dict[str, float]:
    """Where training stands.

    ``error`` on the test sample; ``association`` of the scores A with the sets, a patch itself left out, and
    ``association_itself`` with it; ``mass``, the mean attention that stays in a patch's own set; ``cosine`` between v
    and the task's feature.
    """
    with torch.no_grad():
        together, scores = same_set(task.sets), model.scores
        return {
            "error": error(model, test),
            "association": patch_association(scores, together).item(),
            "association_itself": patch_association(scores, together, itself=True).item(),
            "mass": (model.attention * together).sum(-1).mean().item(),
            "cosine": F.cosine_similarity(model.v, task.feature, dim=0).item(),
        }


def fit(
    model: PositionalAttention,
    task: SpatialTask,
    train: SpatialSample,
    test: SpatialSample,
    *,
    steps: int,
    batch_size: int,
    lr: float,
    positions: bool = True,
    looks: int = 20,
) -> list[dict[str, float]]:
    """Gradient descent on the logistic loss, mean of log(1 + exp(−y·F(X))); a row of :func:`observe` now and then.

    Args:
        model: trained in place.
        task: whose sets and feature are looked for.
        train: taken ``batch_size`` at a time in the order in which it lies, over and over.
        test: what the error is measured on.
        steps: of descent.
        batch_size: samples in a step; all of ``train`` where that has fewer.
        lr: the learning rate of both v and A.
        positions: whether A is trained; v always is.
        looks: rows after the first one, evenly spread.
    """
    learned: list[Tensor] = [model.v, model.between] if positions else [model.v]
    size = min(batch_size, len(train))
    batches = max(1, len(train) // size)
    rows: list[dict[str, Any]] = [{"step": 0, **observe(model, task, test)}]
    for step in range(1, steps + 1):
        first = (step - 1) % batches * size
        part = train[first : first + size]
        loss = F.softplus(-part.labels * model(part.patches)).mean()
        gradients = torch.autograd.grad(loss, learned)
        with torch.no_grad():
            for weight, gradient in zip(learned, gradients, strict=True):
                weight -= lr * gradient
        if step * looks // steps > (step - 1) * looks // steps:
            rows.append({"step": step, **observe(model, task, test)})
    return rows
