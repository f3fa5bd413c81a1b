"""What is told of how local a model's heads are: numbers, means of blocks, a table."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

__all__ = ["HeadLocality", "LocalityReport", "PositionLocality"]


@dataclass
class HeadLocality:
    """One head, its numbers means over images and patches.

    ``offset`` (dy, dx) takes most of its attention now, and ``target_mass`` is the mean attention on the patch there.
    ``start`` is the offset where it began; ``start_mass`` the attention on that one now, ``start_mass_before`` at the
    start; ``moved`` is ‖offset − start‖ in patches. All four are None where the start is not known. ``distance`` is
    the mean attention distance in patches, ``entropy`` that of a patch's attention in nats, ``association`` the share
    of the near patches among those looked at most, the patch itself left out.
    """

    block: int
    head: int
    offset: tuple[int, int]
    target_mass: float
    start: tuple[int, int] | None
    start_mass: float | None
    start_mass_before: float | None
    moved: float | None
    distance: float
    entropy: float
    association: float


@dataclass
class PositionLocality:
    """Whether the position embeddings of near patches are alike, as 2210.09221 looks at them.

    ``association`` is that of their cosine similarities (the paper shows P Pᵀ, where rows of great norm would take
    every place), a patch itself left out; ``near`` and ``far`` are the mean similarity of near patches and of the
    others.
    """

    association: float
    near: float
    far: float


@dataclass
class LocalityReport:
    """What :func:`locality` found; ``chance`` is the association of a head that looks at all patches alike."""

    heads: list[HeadLocality]
    position: PositionLocality | None
    radius: float
    chance: float

    def blocks(self) -> list[dict[str, float | None]]:
        """Means over the heads of each block, in order."""
        names = ("start_mass", "start_mass_before", "moved", "distance", "entropy", "association")
        found = []
        for block in sorted({head.block for head in self.heads}):
            members = [head for head in self.heads if head.block == block]
            columns = {name: [getattr(head, name) for head in members] for name in names}
            found.append(
                {name: None if None in column else sum(column) / len(column) for name, column in columns.items()}
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return {**dataclasses.asdict(self), "blocks": self.blocks()}

    def __str__(self) -> str:
        lines = ["block  head   starting           mass there    offset  moved  distance  entropy  association"]
        for h in self.heads:
            there = " –" if h.start_mass is None else f"{h.start_mass:.3f}"
            before = "" if h.start_mass_before is None else f" (was {h.start_mass_before:.3f})"
            moved = "–" if h.moved is None else f"{h.moved:.1f}"
            lines.append(
                f"{h.block:5d} {h.head:5d}   {_offset(h.start):>8}  {there + before:>19}  {_offset(h.offset):>8}  "
                f"{moved:>5}  {h.distance:8.2f}  {h.entropy:7.2f}  {h.association:11.3f}"
            )
        lines.append(f"association by chance {self.chance:.3f} (patches within {self.radius:g})")
        if self.position is not None:
            p = self.position
            lines.append(
                f"position embeddings: association {p.association:.3f}, similarity {p.near:.2f} near, {p.far:.2f} far"
            )
        return "\n".join(lines)


def _offset(offset: tuple[int, int] | None) -> str:
    return "–" if offset is None else f"({offset[0]:+d}, {offset[1]:+d})"
