"""Which layer tells strangers apart best: every candidate layer, pooling and distance, on development identities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from headstart.evaluation.verification.distances import DISTANCES
from headstart.evaluation.verification.features import Pool, features_of
from headstart.evaluation.verification.identities import People
from headstart.evaluation.verification.layers import layers
from headstart.evaluation.verification.measures import Verification, measure
from headstart.evaluation.verification.pairs import similarities

__all__ = ["Contender", "Swept", "best", "sweep"]


@dataclass(frozen=True)
class Contender:
    """A model that is to verify.

    Args:
        name: in tables.
        model: the network.
        normalize: from stored images, uint8, to what the model takes.
    """

    name: str
    model: nn.Module
    normalize: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Swept:
    """One layer with one pooling and one distance; ``place`` is its rank among the layers as they run, from 0."""

    layer: str
    place: int
    pool: Pool
    distance: str
    found: Verification


def sweep(
    contender: Contender,
    group: People,
    *,
    names: Sequence[str] | None = None,
    distances: Sequence[str] = tuple(DISTANCES),
    pools: Sequence[Pool] = ("mean",),
) -> list[Swept]:
    """EER and more of each layer (all of :func:`layers` unless named), pooling and distance, over all pairs."""
    chosen = layers(contender.model) if names is None else list(names)
    pairs = group.pairs
    images = contender.normalize(group.images)
    swept = [
        Swept(name, place, pool, distance, measure(similarities(vectors, pairs, distance), pairs.genuine))
        for pool in pools
        for place, (name, vectors) in enumerate(features_of(contender.model, images, chosen, pool).items())
        for distance in distances
    ]
    return sorted(swept, key=lambda one: one.place)


def best(swept: Sequence[Swept]) -> Swept:
    """The one with the smallest EER; of equals the earlier layer, and then the first named."""
    return min(swept, key=lambda one: one.found.eer)
