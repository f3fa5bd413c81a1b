"""Which layer tells strangers apart best: every candidate layer with every distance, on development identities."""

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
    """One layer with one distance; ``place`` is its rank among the layers as they run, from 0."""

    layer: str
    place: int
    distance: str
    found: Verification


def sweep(
    contender: Contender,
    group: People,
    *,
    names: Sequence[str] | None = None,
    distances: Sequence[str] = tuple(DISTANCES),
    pool: Pool = "mean",
) -> list[Swept]:
    """EER and more of each layer (all of :func:`layers` unless named) and distance, over all pairs of ``group``."""
    chosen = layers(contender.model) if names is None else list(names)
    pairs = group.pairs
    found = features_of(contender.model, contender.normalize(group.images), chosen, pool)
    return [
        Swept(name, place, distance, measure(similarities(vectors, pairs, distance), pairs.genuine))
        for place, (name, vectors) in enumerate(found.items())
        for distance in distances
    ]


def best(swept: Sequence[Swept]) -> Swept:
    """The one with the smallest EER; of equals the earlier layer."""
    return min(swept, key=lambda one: one.found.eer)
