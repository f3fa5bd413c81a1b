"""What benchmarks look at in place of photographs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def pictures(count: int, size: int) -> Tensor:
    """Blurred noise of full contrast, as uint8."""
    noise = F.avg_pool2d(torch.rand(count, 3, size + 4, size + 4), 5, stride=1)
    return ((noise - 0.5) * 4 + 0.5).clamp(0, 1).mul(255).to(torch.uint8)
