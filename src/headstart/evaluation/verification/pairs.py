"""Which images are compared: pairs of one identity (genuine) and of two (impostor), and how alike each pair is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from headstart.errors import HeadstartError
from headstart.evaluation.verification.distances import prepared

__all__ = ["Pairs", "all_pairs", "similarities"]

BLOCK = 2**18  # numbers of a block of pairs: 1 MB for each side, which a cache holds; 2**22 takes seven times as long
MOST = 100_000_000  # pairs: their indices alone take 1.6 GB


@dataclass(frozen=True)
class Pairs:
    """A protocol: what is compared with what.

    Args:
        first: int64 (n,), index of an image.
        second: int64 (n,), likewise.
        genuine: bool (n,), whether both show the same identity.

    Raises :class:`~headstart.errors.HeadstartError` unless all are of one length and there are pairs of both kinds.
    """

    first: Tensor
    second: Tensor
    genuine: Tensor

    def __post_init__(self) -> None:
        if not len(self.first) == len(self.second) == len(self.genuine):
            raise HeadstartError(
                f"expected as many first as second images and marks, got {len(self.first)}, {len(self.second)} and "
                f"{len(self.genuine)}."
            )
        same = int(self.genuine.sum())
        if not 0 < same < len(self):
            raise HeadstartError(
                f"expected genuine and impostor pairs, got {same} genuine of {len(self)}: verification needs two "
                "identities or more, and two images or more of at least one."
            )

    def __len__(self) -> int:
        return len(self.first)


def all_pairs(labels: Tensor) -> Pairs:
    """Every image with every later one: n (n − 1) / 2 pairs; genuine where the labels are equal.

    Raises :class:`~headstart.errors.HeadstartError` for more than :data:`MOST` pairs.

    >>> all_pairs(torch.tensor([7, 7, 3])).genuine.tolist()
    [True, False, False]
    """
    count = len(labels) * (len(labels) - 1) // 2
    if count > MOST:
        raise HeadstartError(
            f"{len(labels):,} images make {count:,} pairs, more than {MOST:,}: take fewer images of each identity."
        )
    first, second = torch.triu_indices(len(labels), len(labels), 1)
    return Pairs(first, second, labels[first] == labels[second])


def similarities(features: Tensor, pairs: Pairs, distance: str = "cosine") -> Tensor:
    """Minus the distance of each pair, float32 (n,): higher is more alike. Memory is bounded by blocks of pairs.

    Args:
        features: (images, d).
        pairs: n of them.
        distance: ``"cosine"`` or ``"chi2"``, see :mod:`~headstart.evaluation.verification.distances`.
    """
    vectors, of_rows = prepared(features, distance)
    if int(torch.maximum(pairs.first.max(), pairs.second.max())) >= len(vectors):
        raise HeadstartError(f"the pairs name images that are not among the {len(vectors)} with features.")
    step = max(1, BLOCK // vectors.shape[1])
    blocks = zip(pairs.first.split(step), pairs.second.split(step), strict=True)
    return -torch.cat([of_rows(vectors[i], vectors[j]) for i, j in blocks])
