"""Random numbers from one explicit generator, in float64, on the device where they are used."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from headstart.errors import HeadstartError

__all__ = ["Draw"]


@dataclass(frozen=True)
class Draw:
    """Draws on the generator's own device, so that one seed gives the same bits for a model on any device.

    Raises :class:`~headstart.errors.HeadstartError` for what is no generator.
    """

    generator: torch.Generator
    device: torch.device

    def __post_init__(self) -> None:
        if not isinstance(self.generator, torch.Generator):
            raise HeadstartError(
                f"generator: expected a torch.Generator, got {self.generator!r}; a seed makes one by "
                "torch.Generator().manual_seed(0)."
            )

    def uniform(self, *shape: int) -> Tensor:
        """Uniform in [−1, 1)."""
        draw = torch.rand(shape, generator=self.generator, device=self.generator.device, dtype=torch.float64)
        return (2 * draw - 1).to(self.device)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal."""
        draw = torch.randn(shape, generator=self.generator, device=self.generator.device, dtype=torch.float64)
        return draw.to(self.device)

    def permutation(self, size: int) -> Tensor:
        """A random order of 0 … size − 1, on the CPU."""
        return torch.randperm(size, generator=self.generator, device=self.generator.device).cpu()

    def orthonormal(self, rows: int, columns: int) -> Tensor:
        """Orthonormal columns, uniform over all such frames: (rows, columns), columns ≤ rows."""
        q, r = torch.linalg.qr(self.normal(rows, columns))
        return q * r.diagonal().sign()
