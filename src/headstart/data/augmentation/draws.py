"""Everything random of a batch, drawn before any pixel is touched: one row of one table for each image.

Shapes: B images (rows), K columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from headstart.errors import HeadstartError

__all__ = ["Draws"]


@dataclass(frozen=True)
class Draws:
    """The random choices for a batch of images, made on the CPU, to be used on any device.

    They lie in one int32 table, real numbers as their bits, so that a batch's choices reach a device in one
    copy. Row i belongs to image i and to no other: ``draws[rows]`` applied to ``images[rows]`` gives, bit for bit,
    those rows of the whole result. (Mixing needs both images of a pair in the part: slices that start and end at even
    places have them.)

    Args:
        table: int32 (B, K).
        columns: where each named choice lies, as (first, behind the last).
        image_shape: (C, H, W) of the images they were drawn for.

    >>> draws = Draws.of({"offset": torch.tensor([[1, 2], [3, 4]]), "factor": torch.tensor([[0.5], [1.5]])}, (3, 8, 8))
    >>> len(draws), draws[1:].integers("offset").tolist(), draws.numbers("factor").tolist()
    (2, [[3, 4]], [[0.5], [1.5]])
    """

    table: Tensor
    columns: Mapping[str, tuple[int, int]]
    image_shape: tuple[int, int, int]

    @classmethod
    def of(cls, choices: Mapping[str, Tensor], image_shape: tuple[int, int, int], count: int = 0) -> Draws:
        """From named choices, each (B, k): integers within int32, or real numbers kept as float32.

        Args:
            choices: by name.
            image_shape: (C, H, W).
            count: B, for when there are no choices.
        """
        parts, columns, start = [torch.empty(count, 0, dtype=torch.int32)] if not choices else [], {}, 0
        for name, values in choices.items():
            columns[name] = (start, start + values.shape[1])
            start += values.shape[1]
            parts.append(values.float().view(torch.int32) if values.is_floating_point() else values.to(torch.int32))
        return cls(torch.cat(parts, dim=1), columns, image_shape)

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, rows: slice | Tensor) -> Draws:
        """Some rows: a slice, or an index tensor on the device of the table."""
        return replace(self, table=self.table[rows])

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Draws:
        """The same on ``device``. Non-blocking copies to a GPU start from pinned memory, else they would block."""
        table, device = self.table, torch.device(device)
        if non_blocking and device.type == "cuda" and table.device.type == "cpu":
            table = table.pin_memory()
        return replace(self, table=table.to(device, non_blocking=non_blocking))

    def integers(self, name: str) -> Tensor:
        """A choice of integers: int32 (B, k).

        Raises:
            HeadstartError: if it was not drawn.
        """
        if name not in self.columns:
            raise HeadstartError(
                f"these draws hold no {name!r}, only {', '.join(self.columns) or 'nothing'}: "
                "they are of another augmentation; draw from the one that is applied"
            )
        return self.table[:, slice(*self.columns[name])]

    def numbers(self, name: str) -> Tensor:
        """A choice of real numbers: float32 (B, k)."""
        return self.integers(name).view(torch.float32)
