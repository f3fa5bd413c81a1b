"""A test in which nothing is chosen on the identities that it is made with: layers, then scores, then fusions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from headstart.errors import HeadstartError
from headstart.evaluation.verification.distances import DISTANCES
from headstart.evaluation.verification.features import Pool, features
from headstart.evaluation.verification.fusion import Fusion, fit_fusion
from headstart.evaluation.verification.identities import People, check_disjoint
from headstart.evaluation.verification.pairs import similarities
from headstart.evaluation.verification.sweep import Contender, Swept, best, sweep

__all__ = ["Entry", "enter", "fuse"]


@dataclass(frozen=True)
class Entry:
    """A contender with the layer, pooling and distance that were chosen for it, and its scores.

    Args:
        name: the contender's.
        layer: chosen.
        pool: chosen.
        distance: chosen.
        swept: what the choice was made from; empty if it was given.
        development: similarities of all pairs of development identities; None without any.
        test: similarities of all pairs of test identities.
    """

    name: str
    layer: str
    pool: Pool
    distance: str
    swept: tuple[Swept, ...]
    development: Tensor | None
    test: Tensor


def enter(
    contender: Contender,
    test: People,
    development: People | None = None,
    *,
    layer: str | None = None,
    distance: str | None = None,
    pools: Sequence[Pool] = ("mean",),
) -> Entry:
    """Choose what is not given on ``development``, then score all pairs of ``test``, which decide nothing.

    One of ``pools`` is chosen too, where there are several.

    Raises :class:`~headstart.errors.HeadstartError` when the two groups share an identity, or when there is something
    to choose and nobody to choose on.
    """
    swept: list[Swept] = []
    if development is not None:
        check_disjoint({"development": development.names, "test": test.names})
    pool = pools[0]
    if layer is None or distance is None or len(pools) > 1:
        if development is None:
            raise HeadstartError(
                "layer, pooling and distance are chosen on development identities; give some, or one of each."
            )
        swept = sweep(
            contender,
            development,
            names=None if layer is None else [layer],
            distances=tuple(DISTANCES) if distance is None else [distance],
            pools=pools,
        )
        layer, pool, distance = best(swept).layer, best(swept).pool, best(swept).distance

    def scores(group: People) -> Tensor:
        vectors = features(contender.model, contender.normalize(group.images), layer, pool)
        return similarities(vectors, group.pairs, distance)

    return Entry(
        contender.name,
        layer,
        pool,
        distance,
        tuple(swept),
        None if development is None else scores(development),
        scores(test),
    )


def fuse(entries: Sequence[Entry], development: People, test: People) -> tuple[Fusion, Tensor]:
    """The scores of several entries made into one: the fusion, learned on development pairs, and its test scores.

    Raises :class:`~headstart.errors.HeadstartError` for fewer than two entries and one without development scores.
    """
    if len(entries) < 2:
        raise HeadstartError(f"fusion takes two runs or more, got {len(entries)}.")
    known = [entry.development for entry in entries if entry.development is not None]
    if len(known) < len(entries):
        raise HeadstartError("fusion is learned on development identities; enter the runs with some.")
    fusion = fit_fusion(
        torch.stack(known, 1), development.pairs.genuine, learned_on=development.names, used_on=test.names
    )
    return fusion, fusion(torch.stack([entry.test for entry in entries], 1))
