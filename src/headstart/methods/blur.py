"""A Gaussian behind a layer: what curriculum by smoothing (2003.01367) filters with.

Shapes: ``B`` images, ``C`` channels of a feature map, ``h``, ``w`` its grid; ``N`` tokens.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headstart.attention import BlockView
from headstart.errors import HeadstartError

__all__ = ["Blur", "ValueBlur", "gaussian"]


class Blur(nn.Module):
    """G ⊛ x for every channel of x (B, C, h, w), zeros around it; a child of the layer whose output it filters.

    ``off`` is an attribute and not a tensor, so that no device is asked what to do: ``torch.compile`` compiles once
    more when it changes. A deep copy, such as a moving average, keeps its own ``off``; its kernel is then a one among
    zeros, which gives the same bits.
    """

    kernel: Tensor

    def __init__(self, side: int, evaluation: bool, like: Tensor) -> None:
        super().__init__()
        self.evaluation, self.off = evaluation, False
        self.register_buffer("kernel", gaussian(side, 0.0).to(like), persistent=False)

    def become(self, sigma: float) -> None:
        """Filter with this σ from now on."""
        self.off = sigma == 0
        self.kernel.copy_(gaussian(len(self.kernel), sigma))

    @property
    def bypassed(self) -> bool:
        # What is recorded once for all steps has to filter, even where the kernel of now is a one among zeros.
        recording = self.kernel.is_cuda and torch.cuda.is_current_stream_capturing()
        return (self.off and not recording) or not (self.training or self.evaluation)

    def forward(self, x: Tensor) -> Tensor:
        side, channels = len(self.kernel), x.shape[1]
        return F.conv2d(x, self.kernel.expand(channels, 1, side, side), padding=side // 2, groups=channels)

    def after(self, _layer: nn.Module, _inputs: Any, output: Tensor) -> Tensor | None:
        """The layer's output instead of ``output``; None to leave it."""
        return None if self.bypassed else self(output)

    def extra_repr(self) -> str:
        return f"{len(self.kernel)}×{len(self.kernel)}"


class ValueBlur(Blur):
    """The same on channels ``first`` to ``last`` of tokens (B, N, channels), the grid's tokens alone."""

    def __init__(self, side: int, evaluation: bool, like: Tensor, block: BlockView, first: int, last: int) -> None:
        super().__init__(side, evaluation, like)
        self.grid, self.prefix, self.first, self.last = block.grid, block.prefix, first, last

    def after(self, _layer: nn.Module, _inputs: Any, output: Tensor) -> Tensor | None:
        if self.bypassed:
            return None
        if output.shape[-2] != self.prefix + self.grid[0] * self.grid[1]:
            raise HeadstartError(
                f"smoothing of values expects {self.prefix} prefix tokens and a grid of {self.grid[0]}×{self.grid[1]}, "
                f"got {output.shape[-2]} tokens; use where=embedding in a model that changes their number."
            )
        before, values, behind = output.split((self.first, self.last - self.first, output.shape[-1] - self.last), -1)
        # Not unflatten, which torch.compile can't follow where many models run as one.
        maps = values[:, self.prefix :].transpose(1, 2).reshape(len(values), -1, *self.grid)
        smooth = self(maps).flatten(2).transpose(1, 2)
        return torch.cat([before, torch.cat([values[:, : self.prefix], smooth], 1), behind], -1)


def gaussian(side: int, sigma: float) -> Tensor:
    """The Gaussian of width ``sigma`` at the points of a grid, divided by its sum: float64 (side, side).

    >>> gaussian(3, 1.0)[1]
    tensor([0.1238, 0.2042, 0.1238], dtype=torch.float64)
    """
    x = torch.arange(side, dtype=torch.float64) - side // 2
    line = (x == 0).double() if sigma == 0 else torch.exp(-((x / sigma) ** 2) / 2)
    line = line / line.sum()
    return torch.outer(line, line)
