"""What is odd about a dataset: copies within a part, copies across parts (leakage), copies with other labels."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch

from headstart.data.collection import Collection, Part

__all__ = ["Checkup", "Finding", "checkup"]


@dataclass(frozen=True)
class Finding:
    """Images with the same pixels as others.

    Args:
        parts: the part they are in, and the one where the others are; the same twice for copies within it.
        count: how many images of the first part.
        of: out of how many.
        examples: a few, each with what it equals.
    """

    parts: tuple[str, str]
    count: int
    of: int
    examples: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Checkup:
    """Counts and findings; a dataset without any is in order.

    Args:
        counts: images of each class, by part.
        repeated: within each part, images that repeat an earlier one.
        leaked: across parts, images of the later part (in the order train, val, test) that are in the earlier one.
        contradictory: images that equal an earlier one of any part but have another label.
    """

    counts: dict[str, list[int]]
    repeated: tuple[Finding, ...]
    leaked: tuple[Finding, ...]
    contradictory: tuple[Finding, ...]


def checkup(found: Collection, examples: int = 3) -> Checkup:
    """Compare all images of ``found`` by a hash of their pixels, as decoded."""
    order = ("train", "val", "test")
    parts: dict[str, Part] = {kind: found.parts[kind] for kind in order if kind in found.parts}
    keys = {kind: [row.tobytes() for row in part.hashed()] for kind, part in parts.items()}
    labels = {kind: part.split.labels.tolist() for kind, part in parts.items()}
    # Where each picture was met first, over all parts and within each.
    met: dict[bytes, tuple[str, int]] = {}
    firsts: dict[str, dict[bytes, int]] = {kind: {} for kind in parts}
    repeated: dict[str, list[tuple[int, int]]] = {kind: [] for kind in parts}
    contrary: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for kind in parts:
        for index, key in enumerate(keys[kind]):
            there, first = met.setdefault(key, (kind, index))
            if labels[kind][index] != labels[there][first]:
                contrary.setdefault((kind, there), []).append((index, first))
            first = firsts[kind].setdefault(key, index)
            if first != index:
                repeated[kind].append((index, first))

    def finding(kind: str, there: str, pairs: list[tuple[int, int]]) -> Finding:
        named = tuple((parts[kind].name(i), parts[there].name(j)) for i, j in pairs[:examples])
        return Finding((kind, there), len(pairs), len(parts[kind]), named)

    leaked = []
    for earlier, later in combinations(parts, 2):
        pairs = [(i, firsts[earlier][key]) for i, key in enumerate(keys[later]) if key in firsts[earlier]]
        if pairs:
            leaked.append(finding(later, earlier, pairs))
    counts = {
        kind: np.asarray(torch.bincount(part.split.labels, minlength=len(found.classes))).tolist()
        for kind, part in parts.items()
    }
    return Checkup(
        counts,
        tuple(finding(kind, kind, pairs) for kind, pairs in repeated.items() if pairs),
        tuple(leaked),
        tuple(finding(kind, there, pairs) for (kind, there), pairs in contrary.items()),
    )
