"""Carving splits so that every class keeps its share, and smaller choices lie inside larger ones."""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.data.dataset import Split
from headstart.errors import HeadstartError

__all__ = ["carve", "stratified_order"]


def stratified_order(labels: Tensor, generator: torch.Generator) -> Tensor:
    """An order of all images in which every stretch holds the classes in their overall shares.

    The i-th image (of n_c, shuffled) of class c gets the place (i + 1/2) / n_c, and the images are sorted by
    place, ties in random order. Any stretch of L images out of n then holds L·n_c/n images of class c, up to
    about one; exactly that many when the classes are of equal size and the stretch is made of whole rounds.

    Args:
        labels: (n,), any integer dtype.
        generator: a CPU generator; the same state gives the same order.

    Returns:
        int64 (n,), a permutation of 0 .. n-1.

    >>> order = stratified_order(torch.tensor([0] * 6 + [1] * 3), torch.Generator().manual_seed(0))
    >>> [int((order[:k] < 6).sum()) for k in (3, 6, 9)]
    [2, 4, 6]
    """
    shuffled = torch.randperm(len(labels), generator=generator)
    place = torch.empty(len(labels), dtype=torch.float64)
    for label in labels.unique():
        members = (labels[shuffled] == label).nonzero().squeeze(1)
        place[members] = (torch.arange(len(members), dtype=torch.float64) + 0.5) / len(members)
    return shuffled[place.argsort(stable=True)]


def carve(pool: Split, val_fraction: float, limit: int | None, seed: int) -> tuple[Split, Split]:
    """A training and a validation split from ``pool``, both stratified.

    One stratified order is drawn from ``seed``. Its first ``round(val_fraction · n)`` images are for
    validation; the training images are the rest, or its first ``limit``. At equal seed and fraction the
    validation images are therefore the same for every limit, and the first 1,000 training images are among
    the first 5,000.

    Returns:
        (train, val).

    Raises:
        HeadstartError: if the fraction is outside [0, 1) or leaves no training image, or if the limit is not
            between 1 and the number of images left.
    """
    if not 0 <= val_fraction < 1:
        raise HeadstartError(f"expected val_fraction in [0, 1), got {val_fraction}: 0.1 holds back every tenth image")
    generator = torch.Generator().manual_seed(seed)
    order = stratified_order(pool.labels, generator)
    held_back = round(val_fraction * len(pool))
    left = len(pool) - held_back
    if left == 0:
        raise HeadstartError(
            f"val_fraction {val_fraction} leaves none of the {len(pool)} images for training: choose a smaller one"
        )
    if limit is not None and not 1 <= limit <= left:
        raise HeadstartError(
            f"expected limit between 1 and {left}, the images left for training after {held_back} for "
            f"validation, got {limit}"
        )
    chosen = order[held_back:] if limit is None else order[held_back : held_back + limit]
    return pool[chosen], pool[order[:held_back]]
