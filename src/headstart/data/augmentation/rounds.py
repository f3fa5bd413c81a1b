"""One round: each image gets one operation, all images at once.

Shapes: B images, C channels, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

import torch
from torch import Tensor

from headstart.data.augmentation.affine import move
from headstart.data.augmentation.blends import enhance
from headstart.data.augmentation.blur import blur
from headstart.data.augmentation.draws import Draws
from headstart.data.augmentation.kinds import BLENDS, TABLES, Kind
from headstart.data.augmentation.rows import gathers, where_wanted
from headstart.data.augmentation.tables import tabulate

__all__ = ["apply_round"]


def apply_round(images: Tensor, draws: Draws, number: int, possible: Collection[Kind], fill: tuple[int, ...]) -> Tensor:
    """Move, blend, look up, blur: each family of operations for the images whose kind it is.

    On a CPU blends and tables go kind by kind, so that an image pays for its own kind alone. On other devices a family
    is done at once, as kinds share most of their kernels.

    Args:
        images: uint8 (B, C, H, W).
        draws: hold the round's choices as ``"0.kind"``, ``"0.factor"``, ….
        number: of the round.
        possible: kinds that the round's draws can hold.
        fill: colour from outside.

    Returns:
        uint8 (B, C, H, W).
    """
    kinds = draws.integers(f"{number}.kind")

    def among(some: Collection[Kind]) -> Callable[[], Tensor]:
        return lambda: torch.stack([kinds[:, 0] == kind.value for kind in some]).any(0)

    def groups(family: frozenset[Kind]) -> list[list[Kind]]:
        found = sorted(family.intersection(possible))
        return [[kind] for kind in found] if gathers(images.device) else [found] if found else []

    if gathers(images.device):
        images = images.clone()
    if Kind.MOVE in possible:
        matrices = draws.integers(f"{number}.matrix")
        images = where_wanted(partial(move, fill=fill), images, among([Kind.MOVE]), matrices)
    for some in groups(BLENDS):
        factors = draws.numbers(f"{number}.factor")
        images = where_wanted(partial(enhance, possible=some), images, among(some), kinds, factors)
    for some in groups(TABLES):
        choices = (kinds, draws.integers(f"{number}.mask"), draws.integers(f"{number}.threshold"))
        images = where_wanted(partial(tabulate, possible=some), images, among(some), *choices)
    if Kind.BLUR in possible:
        images = where_wanted(blur, images, among([Kind.BLUR]), draws.integers(f"{number}.weights"))
    return images
