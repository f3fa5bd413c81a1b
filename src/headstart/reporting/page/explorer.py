"""What the attention explorer shows, as plain data: maps of a few images at a few moments, and each head over training.

Shapes: ``B`` images, ``H`` heads, ``N`` tokens, the prefix tokens first, then the grid row by row.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from headstart.attention import attention_view
from headstart.errors import HeadstartError, UnsupportedModel
from headstart.evaluation.locality import locality
from headstart.reporting.page.pictures import data_uri
from headstart.reporting.page.plan import Size, plan_maps

__all__ = ["Head", "Seen", "decode", "encode", "explore"]

ROWS = 60  # moments in the charts over training


class Head(Protocol):
    """What is known of a head at the start."""

    block: int
    head: int
    offset: tuple[int, int]
    target_mass: float


class Moment(Protocol):
    """A model at some time of its training."""

    @property
    def name(self) -> str: ...
    @property
    def passes(self) -> int: ...
    @property
    def model(self) -> Callable[[], nn.Module]: ...


@dataclass(frozen=True)
class Seen:
    """Images to look at: as the model sees them (B, C, height, width), as uint8 to be shown, and what is on them."""

    inputs: Tensor
    pictures: Tensor
    labels: Sequence[str]


def explore(
    moments: Sequence[Moment],
    seen: Seen,
    measured: Tensor,
    start: Sequence[Head],
    watched: Sequence[dict[str, Any]],
    budget: int,
) -> dict[str, Any]:
    """The explorer's data of one arm.

    Args:
        moments: from the first to the last; the last one's model says what can be seen.
        seen: the images whose maps are shown; as many as fit.
        measured: images (B, C, height, width) on which heads are measured at each moment where none were ``watched``.
        start: each head before the first step.
        watched: rows of ``locality.jsonl``: numbers after each pass.
        budget: bytes of text that the maps may take.

    Raises :class:`~headstart.errors.UnsupportedModel` for a model whose attention can't be seen, has no heads or is in
    windows, and :class:`~headstart.errors.HeadstartError` where not even one block fits.
    """
    view = attention_view(moments[-1].model())
    if view.source == "mixing" or not view.uniform:
        what = "mixes patches by a layer" if view.source == "mixing" else "attends in windows"
        raise UnsupportedModel(f"the explorer shows heads that attend over the whole image; this model {what}.")
    size = Size(tuple(block.heads for block in view.blocks), view.prefix + view.patches, len(moments))
    plan = plan_maps(size, budget)
    if plan is None:
        raise HeadstartError(f"maps of {size.tokens} by {size.tokens} tokens are too large for this page.")
    images = seen.inputs[: plan.images]
    told: dict[str, Any] = {
        "grid": list(view.grid),
        "prefix": view.prefix,
        "heads": list(size.heads),
        "blocks": list(plan.blocks),
        "pictures": [
            {"label": label, "uri": data_uri(picture)}
            for label, picture in zip(seen.labels, seen.pictures[: plan.images], strict=False)
        ],
        "moments": [],
        "notes": _left_out(plan.images < len(seen.inputs), len(plan.moments) < len(moments), plan.blocks, size.heads),
    }
    rows = list(watched)
    for index, moment in enumerate(moments):
        shown = index in plan.moments
        if not shown and watched:
            continue
        view = attention_view(moment.model())
        if not watched:
            rows.append(_measure(view, measured, start, moment.passes))
        if shown:
            maps = view.maps(images)
            coded = [encode([maps[block][image] for block in plan.blocks]) for image in range(len(images))]
            told["moments"].append(
                {
                    "name": moment.name,
                    "pass": moment.passes,
                    "maps": [shares for shares, _ in coded],
                    "largest": [largest for _, largest in coded],
                }
            )
    told["history"] = [{name: row[name] for name in ("pass", "start_mass", "distance")} for row in _thinned(rows)]
    return told


def encode(maps: Sequence[Tensor]) -> tuple[str, str]:
    """Maps (H, N, N) of one image, block after block, as two texts of base64.

    The first holds each share of attention as a byte, in 255ths of the largest of its row; the second these largest, as
    two bytes each, the lower first, in 65535ths. So a share is at most 1/510 of its row's largest off.
    """
    shares, largest = [], []
    for block in maps:
        top = (block.amax(dim=-1).clamp(0, 1) * 65535).round()
        scale = (top / 65535)[..., None].clamp(min=1e-9)
        shares.append((block / scale * 255).round().clamp(0, 255).to(torch.uint8).flatten())
        largest.append(top.to(torch.int32).flatten())
    tops = torch.cat(largest).numpy().astype("<u2").tobytes()
    return base64.b64encode(torch.cat(shares).numpy().tobytes()).decode(), base64.b64encode(tops).decode()


def decode(shares: str, largest: str, tokens: int) -> Tensor:
    """What :func:`encode` kept, all heads of all blocks in a row: (ΣH, N, N)."""
    values = torch.frombuffer(bytearray(base64.b64decode(shares)), dtype=torch.uint8).float().view(-1, tokens, tokens)
    pairs = torch.frombuffer(bytearray(base64.b64decode(largest)), dtype=torch.uint8).int().view(-1, tokens, 2)
    return values / 255 * ((pairs[..., 0] + 256 * pairs[..., 1]) / 65535)[..., None]


def _thinned(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most ``ROWS`` of them, evenly, with the first and the last."""
    if len(rows) <= ROWS:
        return rows
    return [rows[round(index * (len(rows) - 1) / (ROWS - 1))] for index in range(ROWS)]


def _measure(view: Any, images: Tensor, start: Sequence[Head], passes: int) -> dict[str, Any]:
    row: dict[str, Any] = {"pass": passes, "start_mass": [], "distance": []}
    for head in locality(view, images, start or None).heads:
        for name in ("start_mass", "distance"):
            if head.head == 0:
                row[name].append([])
            value = getattr(head, name)
            row[name][-1].append(None if value is None else round(value, 4))
    return row


def _left_out(images: bool, moments: bool, blocks: Sequence[int], heads: Sequence[int]) -> list[str]:
    """What did not fit, in sentences."""
    told = ["Fewer images are shown, to keep the page small."] if images else []
    if moments:
        told.append("Moments between the first and the last are left out, to keep the page small.")
    if len(blocks) < len(heads):
        told.append(f"{len(blocks)} of {len(heads)} blocks are shown, to keep the page small.")
    return told
