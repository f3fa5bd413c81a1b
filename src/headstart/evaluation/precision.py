"""bfloat16: whether this machine has it, and a model in it for a while."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from headstart.errors import HeadstartError, unknown

__all__ = ["PRECISIONS", "in_precision", "need_precision"]

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}

# What a vision model is made of. Some processors announce bfloat16 instructions that they do not have; the process is
# then killed by its first product, so another process tries.
PROBE = """
import torch
import torch.nn.functional as F
torch.set_num_threads(1)
for size in (3, 64, 192):
    tokens = torch.ones(65, size, dtype=torch.bfloat16)
    F.layer_norm(F.gelu(F.linear(tokens, torch.ones(size, size, dtype=torch.bfloat16))), (size,)).softmax(-1)
    heads = torch.ones(2, 3, 65, size, dtype=torch.bfloat16)
    F.scaled_dot_product_attention(heads, heads, heads)
    image = torch.ones(2, size, 16, 16, dtype=torch.bfloat16)
    F.conv2d(image, torch.ones(size, size, 3, 3, dtype=torch.bfloat16), padding=1)
    F.conv2d(image, torch.ones(size, 1, 3, 3, dtype=torch.bfloat16), padding=1, groups=size)
"""


def need_precision(name: str, device: torch.device) -> torch.dtype:
    """The type called ``name``.

    Raises :class:`~headstart.errors.HeadstartError` for an unknown name, and for one that ``device`` can't compute in.
    """
    if name not in PRECISIONS:
        raise unknown("precision", name, PRECISIONS)
    if name == "bfloat16":
        if device.type == "cpu" and not _cpu_has_bfloat16():
            raise HeadstartError("this CPU does not run bfloat16 (a process that tried ended); use float32.")
        if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
            raise HeadstartError("this GPU does not run bfloat16; use float32.")
    return PRECISIONS[name]


@functools.cache
def _cpu_has_bfloat16() -> bool:
    tried = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, check=False, timeout=300)
    return tried.returncode == 0


@contextmanager
def in_precision(model: nn.Module, dtype: torch.dtype) -> Iterator[None]:
    """Weights and buffers of ``model`` as ``dtype``, afterwards the very tensors that they were."""
    weights = {weight: weight.data for weight in model.parameters() if weight.is_floating_point()}
    buffers = [
        (module, name, buffer)
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None and buffer.is_floating_point()
    ]
    try:
        for weight, data in weights.items():
            weight.data = data.to(dtype)
        for module, name, buffer in buffers:
            module._buffers[name] = buffer.to(dtype)
        yield
    finally:
        for weight, data in weights.items():
            weight.data = data
        for module, name, buffer in buffers:
            module._buffers[name] = buffer
