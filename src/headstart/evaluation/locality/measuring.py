"""How local the heads of a model are, and how far each has moved from where it started."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from headstart.attention import (
    AttentionView,
    BlockView,
    attention_view,
    mean_attention,
    offset_of,
    shift_targets,
    target_mass,
)
from headstart.errors import HeadstartError
from headstart.evaluation.locality.association import chance, near_patches, patch_association
from headstart.evaluation.locality.distance import attention_distance
from headstart.evaluation.locality.report import HeadLocality, LocalityReport, PositionLocality

__all__ = ["Head", "locality"]


class Head(Protocol):
    """What is known of a head at the start: a head of an ``InitReport``, or of an earlier :class:`LocalityReport`."""

    block: int
    head: int
    offset: tuple[int, int]
    target_mass: float


def locality(
    model: nn.Module | AttentionView, images: Tensor, start: Sequence[Head] | None = None, *, radius: float = 1.5
) -> LocalityReport:
    """Measure how local each head is, and how far it has moved from its starting offset.

    Args:
        model: any whose attention can be seen, trained or not.
        images: (B, C, height, width), as the model sees them; numbers are means over them.
        start: the model's heads at the start, ``init_(…).heads`` or ``locality(…).heads`` of that time, in any order.
        radius: how far apart near patches are, in patches.

    The model's mode, random state and gradients are as before. Raises :class:`~headstart.errors.HeadstartError` when
    ``start`` is of a model with other heads, and :class:`~headstart.errors.UnsupportedModel` for one without.

    >>> import headstart
    >>> model = headstart.create_vit("tiny", width=48, depth=1, heads=3)
    >>> start = headstart.init_(model, "impulse:sharpness=0.9", generator=torch.Generator().manual_seed(0))
    >>> report = locality(model, torch.zeros(1, 3, 32, 32), start.heads)
    >>> [head.moved for head in report.heads]
    [0.0, 0.0, 0.0]
    """
    view = attention_view(model)
    known = _by_place(start, view)
    found: list[HeadLocality] = []

    def visitor(index: int, block: BlockView, x: Tensor) -> None:
        mean, nats = mean_attention(block, x.float())
        offsets = offset_of(mean, block.grid, block.prefix)
        mass = target_mass(mean, shift_targets(block.grid, offsets), block.prefix)
        before = [known.get((index, h)) for h in range(block.heads)]
        starts = torch.tensor([(0, 0) if head is None else tuple(head.offset) for head in before])
        there = target_mass(mean, shift_targets(block.grid, starts), block.prefix)
        far = (offsets - starts).double().norm(dim=1)
        distance = attention_distance(mean, block.grid, block.prefix)
        near = near_patches(block.grid, radius)
        association = patch_association(mean[:, block.prefix :, block.prefix :], near)
        for h, head in enumerate(before):
            dy, dx = offsets[h].tolist()
            found.append(
                HeadLocality(
                    index,
                    h,
                    (dy, dx),
                    mass[h].item(),
                    None if head is None else (int(head.offset[0]), int(head.offset[1])),
                    None if head is None else there[h].item(),
                    None if head is None else head.target_mass,
                    None if head is None else far[h].item(),
                    distance[h].item(),
                    nats[h].item(),
                    association[h].item(),
                )
            )

    view.visit(images, visitor)
    return LocalityReport(found, _position(view, radius), radius, chance(near_patches(view.grid, radius)))


def _by_place(start: Sequence[Head] | None, view: AttentionView) -> dict[tuple[int, int], Head]:
    if start is None:
        return {}
    known = {(head.block, head.head): head for head in start}
    places = {(index, h) for index, block in enumerate(view.blocks) for h in range(block.heads)}
    if known.keys() != places:
        raise HeadstartError(
            f"start must have the model's own {len(places)} heads, those of the report from before its training; got "
            f"{len(known)}, {len(places - known.keys())} of the model's missing."
        )
    return known


def _position(view: AttentionView, radius: float) -> PositionLocality | None:
    if view.absolute is None:
        return None
    table = view.absolute.table.detach()[0, -view.patches :].double()
    rows = table / table.norm(dim=1, keepdim=True).clamp(min=1e-12)
    similar, near = rows @ rows.T, near_patches(view.grid, radius).to(table.device)
    others = ~torch.eye(len(near), dtype=torch.bool, device=near.device)
    means = [similar[mask & others].mean().item() for mask in (near, ~near)]
    return PositionLocality(patch_association(similar, near).item(), *means)
