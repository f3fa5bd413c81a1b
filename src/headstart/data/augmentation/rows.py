"""How an operation that only some images need is done for them, without the host waiting for a GPU.

Shapes: B images, C channels, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["gathers", "where_wanted"]


def gathers(device: torch.device) -> bool:
    """Whether picking out the rows beats doing all: on a CPU, where each pixel costs and looking costs nothing."""
    return device.type == "cpu"


def where_wanted(
    operation: Callable[..., Tensor], images: Tensor, wanted: Callable[[], Tensor], *choices: Tensor
) -> Tensor:
    """``operation(images, *choices)``, done for the images that want it, or for all.

    On a CPU the rows that want it are picked out. On other devices all are done: a few kernels over the whole
    batch, whose shapes do not depend on the draws. Both give the same, as an operation goes row by row and its choices
    are such that it leaves a row alone that does not want it.

    On a CPU the images are written into: hand over a copy of the caller's.

    Args:
        operation: of images (b, C, H, W) and of each choice (b, …), for any b; gives (b, C, H, W).
        images: (B, C, H, W).
        wanted: gives bool (B,); asked on a CPU alone.
        choices: each (B, …).

    Returns:
        (B, C, H, W).
    """
    if not gathers(images.device):
        return operation(images, *choices)
    rows = wanted().nonzero()[:, 0]
    if len(rows) == 0:
        return images
    if len(rows) == len(images):
        return operation(images, *choices)
    return images.index_copy_(0, rows, operation(images[rows], *(choice[rows] for choice in choices)))
