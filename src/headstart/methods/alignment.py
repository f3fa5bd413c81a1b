"""Two losses on the same weights, their gradients kept apart and aligned (2112.03552)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, distributed, nn

__all__ = ["Twins", "aligned"]


def aligned(other: Sequence[Tensor], main: Sequence[Tensor]) -> list[Tensor]:
    """``other``, less what opposes ``main``: g_A − min(0, ⟨g_A, g_V⟩ / ⟨g_V, g_V⟩) · g_V, all tensors as one.

    Computed in float32 at least, without waiting for a device.
    """
    dot = torch.stack([(a.float() * v.float()).sum() for a, v in zip(other, main, strict=True)]).sum()
    square = torch.stack([v.float().square().sum() for v in main]).sum()
    against = dot.clamp(max=0) / square.clamp(min=torch.finfo(torch.float32).tiny)
    return [a - against.to(a.dtype) * v for a, v in zip(other, main, strict=True)]


class Twins:
    """For each parameter a second leaf on the same memory, so that a loss computed with it leaves its gradient there.

    ``main`` are the parameters, ``twins`` the leaves, in one order. The twins are in no module: no optimizer, no
    checkpoint and no other process knows of them.
    """

    def __init__(self, main: Sequence[nn.Parameter]) -> None:
        self.main = list(main)
        self.twins: list[Tensor] = []
        self.refresh()

    def refresh(self) -> None:
        """Make twins anew where a parameter has moved, to a device for one."""
        places = [each.data_ptr() for each in self.main]
        if places != [each.data_ptr() for each in self.twins]:
            self.twins = [each.detach().requires_grad_(each.requires_grad) for each in self.main]

    @torch.no_grad()
    def combine(self) -> None:
        """Add each twin's gradient, less what opposes its parameter's, to that, and forget it.

        The parameters' gradients are averaged over processes already; the twins' are here.
        """
        pairs = [
            (p, t) for p, t in zip(self.main, self.twins, strict=True) if p.grad is not None and t.grad is not None
        ]
        if not pairs:
            return
        other = [_averaged(twin.grad) for _, twin in pairs]  # type: ignore[arg-type]
        main = [parameter.grad for parameter, _ in pairs]
        for gradient, kept in zip(main, aligned(other, main), strict=True):  # type: ignore[arg-type]
            gradient.add_(kept)  # type: ignore[union-attr]
        for twin in self.twins:
            twin.grad = None


def _averaged(gradient: Tensor) -> Tensor:
    """The mean over processes, where there are several."""
    if distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1:
        distributed.all_reduce(gradient)
        gradient /= distributed.get_world_size()
    return gradient
