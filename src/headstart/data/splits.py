"""Carving splits so that every class keeps its share, and smaller choices lie inside larger ones."""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.data.dataset import Split
from headstart.errors import HeadstartError

__all__ = ["carve", "chosen", "stratified_order"]


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


def carve(pool: Split, share: float, seed: int, *, first: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """A stratified order of ``pool``, cut in two: the first ``round(share · n)`` images are held back.

    Copies of an image are kept together, so that none of them is held back while another is trained on: they
    follow the first of them in the order, and the cut is moved behind them.

    Args:
        pool: n images.
        share: in [0, 1).
        seed: of the order; at equal seed and share the images held back are the same ones.
        first: int64 (n,), for each image the index of the first one that equals it; none equal unless given.

    Returns:
        (kept, held back), int64 indices into ``pool``.

    Raises:
        HeadstartError: if the share is outside [0, 1) or nothing would be left.

    >>> pool = Split(torch.zeros(8, 1, 1, 1, dtype=torch.uint8), torch.tensor([0, 1] * 4))
    >>> kept, held_back = carve(pool, 0.25, seed=0)
    >>> pool.labels[held_back].sort().values.tolist(), len(kept)
    ([0, 1], 6)
    """
    if not 0 <= share < 1:
        raise HeadstartError(f"expected val_fraction in [0, 1), got {share}: 0.1 holds back every tenth image")
    generator = torch.Generator().manual_seed(seed)
    if first is None:
        order = stratified_order(pool.labels, generator)
        cut = round(share * len(pool))
    else:
        originals = (first == torch.arange(len(pool))).nonzero().squeeze(1)
        ordered = originals[stratified_order(pool.labels[originals], generator)]
        place = torch.empty(len(pool), dtype=torch.int64)
        place[ordered] = torch.arange(len(ordered))
        order = place[first].argsort(stable=True)
        cut = int((place[first] < round(share * len(originals))).sum())
    if cut == len(pool):
        raise HeadstartError(
            f"val_fraction {share} leaves none of the {len(pool)} images for training: choose a smaller one"
        )
    return order[cut:], order[:cut]


def chosen(
    labels: Tensor,
    classes: int,
    *,
    limit: int | None = None,
    per_class: int | None = None,
    fraction: float | None = None,
) -> Tensor:
    """Fewer training images: which places of a stratified order to keep. Smaller choices lie inside larger ones.

    Args:
        labels: (n,), in stratified order.
        classes: number of classes.
        limit: keep the first ``limit`` images.
        per_class: keep the first ``per_class`` of each class.
        fraction: keep the first ``round(fraction · n)`` images, at least one; in (0, 1].

    Returns:
        int64 indices into ``labels``, ascending.

    Raises:
        HeadstartError: if more than one of the three is given, or one is out of range.

    >>> labels = torch.tensor([0, 1, 0, 1, 0, 0])
    >>> chosen(labels, 2, per_class=2).tolist(), chosen(labels, 2, fraction=0.5).tolist()
    ([0, 1, 2, 3], [0, 1, 2])
    """
    given = {"limit": limit, "per_class": per_class, "fraction": fraction}
    named = [f"{name}={value}" for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise HeadstartError(f"expected one of limit, per_class and fraction, got {', '.join(named)}: choose one")
    left = len(labels)
    if limit is not None and not 1 <= limit <= left:
        raise HeadstartError(f"expected limit between 1 and {left}, the images left for training, got {limit}")
    if fraction is not None:
        if not 0 < fraction <= 1:
            raise HeadstartError(f"expected fraction in (0, 1], got {fraction}: 0.1 keeps every tenth training image")
        limit = max(1, round(fraction * left))
    if per_class is not None:
        counts = torch.bincount(labels, minlength=classes)
        smallest = int(counts.min())
        if not 1 <= per_class <= smallest:
            raise HeadstartError(
                f"expected per_class between 1 and {smallest}, the training images of the smallest class "
                f"(label {int(counts.argmin())}), got {per_class}"
            )
        return torch.cat([(labels == c).nonzero().squeeze(1)[:per_class] for c in range(classes)]).sort().values
    return torch.arange(left if limit is None else limit)
