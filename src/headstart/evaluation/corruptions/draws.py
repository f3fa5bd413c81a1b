"""Random numbers for each image from a generator of its own, so that no image depends on those beside it.

Shapes: B images.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Draws", "image_seeds"]


def image_seeds(count: int, generator: torch.Generator) -> Tensor:
    """One seed for each of ``count`` images, int64 (count,); the first of more are those of fewer.

    >>> image_seeds(4, torch.Generator().manual_seed(0))[:2].equal(image_seeds(2, torch.Generator().manual_seed(0)))
    True
    """
    return torch.randint(2**31, (count,), generator=generator)


class Draws:
    """What a corruption draws for a batch of images.

    Numbers are drawn on the CPU, image by image, and carried to ``device``: image i gets the same ones in whatever
    batch it comes, on whatever device.

    Args:
        seeds: int64 (B,), see :func:`image_seeds`.
        device: where the numbers are wanted.
    """

    def __init__(self, seeds: Tensor, device: torch.device) -> None:
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds.tolist()]
        self._device = device

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers, float32 (B, ...) for a shape ...."""
        return torch.stack([torch.randn(shape, generator=one) for one in self._generators]).to(self._device)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Numbers from ``low`` to ``high``, float32 (B, ...) for a shape ...."""
        drawn = torch.stack([torch.rand(shape, generator=one) for one in self._generators])
        return drawn.mul_(high - low).add_(low).to(self._device)

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """Whole numbers from ``low`` to ``high`` − 1, int64 (B, ...) for a shape ...."""
        drawn = [torch.randint(low, high, shape, generator=one) for one in self._generators]
        return torch.stack(drawn).to(self._device)

    def poisson(self, rates: Tensor) -> Tensor:
        """Counts of mean ``rates`` (B, ...), float32 of the same shape."""
        pairs = zip(rates.cpu(), self._generators, strict=True)
        return torch.stack([torch.poisson(rate, generator=one) for rate, one in pairs]).to(self._device)
