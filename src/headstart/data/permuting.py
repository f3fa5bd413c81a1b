"""Images cut into patches that are put in another order: what a model without locality does not mind.

Shapes: B images, C channels, H rows, W columns, h·w patches of p×p pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.errors import HeadstartError

__all__ = ["patch_permutation", "permute_pixels"]


def patch_permutation(image_size: tuple[int, int], patch_size: int, generator: torch.Generator) -> Tensor:
    """A random order of an image's patches, as the place of each pixel in the image before.

    With π uniform over the orders of the h·w patches, patch i of the result is patch π(i); inside, patches stay as
    they are (2210.09221 trains ViTs so: they have to learn which patches belong together, whatever their order).

    Args:
        image_size: (H, W) in pixels.
        patch_size: p, a divisor of both.
        generator: a CPU generator, which decides the order.

    Returns:
        int64 (H·W,), for :func:`permute_pixels`.

    Raises:
        HeadstartError: when p does not divide the image's sides, or there is but one patch.

    >>> patch_permutation((2, 4), 2, torch.Generator().manual_seed(1)).view(2, 4).tolist()
    [[2, 3, 0, 1], [6, 7, 4, 5]]
    """
    height, width = image_size
    if patch_size < 1 or height % patch_size or width % patch_size:
        raise HeadstartError(
            f"expected a patch size that divides images of {height}×{width} pixels, to permute their patches, got "
            f"{patch_size}; use --set permute_size={_divisor(height, width)}, for example."
        )
    h, w = height // patch_size, width // patch_size
    if h * w == 1:
        raise HeadstartError(
            f"one patch of {patch_size} pixels is the whole image, and there is nothing to permute; use smaller ones."
        )
    order = torch.randperm(h * w, generator=generator)
    # Patches first, then pixels inside: (h·w, p·p), each holding its place in the image.
    places = torch.arange(height * width).view(h, patch_size, w, patch_size).transpose(1, 2).flatten(0, 1)
    return places[order].view(h, w, patch_size, patch_size).transpose(1, 2).flatten()


def permute_pixels(images: Tensor, places: Tensor) -> Tensor:
    """``images`` (B, C, H, W) with pixel i, in rows from the top, taken from ``places[i]``; int64 (H·W,)."""
    return images.flatten(-2).index_select(-1, places).view(images.shape)


def _divisor(height: int, width: int) -> int:
    return next(p for p in (4, 2, 7, 5, 3, 1) if height % p == 0 and width % p == 0)
