"""Noise on images as a method can have it: from a few draws of each image, whatever its size.

Shapes: ``B`` images, ``C`` channels, ``H``, ``W`` pixels. Images are normalised, so that a strength of one is one
standard deviation of the dataset's pixels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from headstart.attention import AttentionView
from headstart.errors import HeadstartError, UnsupportedModel

__all__ = ["channels_of", "check_number", "normals", "of_strength", "some", "uniforms"]

WORD = 0xFFFFFFFF  # 32 bits


def uniforms(draws: Tensor, count: int) -> Tensor:
    """``count`` uniform numbers in (0, 1) for each image, float32 (B, count), from two of its draws, (B, 2).

    A hash of the two and of the number's place, in whole numbers: the same on every device, and an image's numbers
    are its own whatever the batch. Drawing them would take B·C·H·W numbers from the host in each step.

    >>> uniforms(torch.tensor([[0.25, 0.5]]), 2)
    tensor([[0.0290, 0.6211]])
    """
    first, second = (draws.float() * 2**24).long().split(1, dim=1)  # as many bits as a draw has
    places = torch.arange(count, device=draws.device)
    words = _mixed((_mixed(places ^ _mixed(first)) + _mixed(second ^ 0x9E3779B9)) & WORD)
    return ((words >> 9).float() + 0.5) / 2**23


def _mixed(words: Tensor) -> Tensor:
    """Another 32-bit number for each, with every bit depending on all: multiply, shift and xor, all invertible."""
    words = words ^ (words >> 16)
    words = (words * 0x7FEB352D) & WORD
    words = words ^ (words >> 15)
    words = (words * 0x846CA68B) & WORD
    return words ^ (words >> 16)


def normals(draws: Tensor, *shape: int) -> Tensor:
    """Standard normal numbers for each image, float32 (B, shape), from two of its draws, (B, 2)."""
    return (math.sqrt(2) * torch.erfinv(2 * uniforms(draws, math.prod(shape)) - 1)).view(-1, *shape)


def of_strength(noise: Tensor, strength: float | Tensor) -> Tensor:
    """``noise`` (B, C, H, W) with a root mean square of ``strength`` in each image; a number, or one for each (B,)."""
    size = noise.square().mean(dim=(1, 2, 3), keepdim=True).add(1e-12).sqrt()
    wanted = strength.view(-1, 1, 1, 1) if isinstance(strength, Tensor) else strength
    return noise * (wanted / size)


def some(images: Tensor, changed: Tensor, draws: Tensor, share: float) -> Tensor:
    """``changed`` for images whose draw, (B,), is below ``share``; ``images`` for the others."""
    return torch.where((draws < share).view(-1, 1, 1, 1), changed, images)


def channels_of(model: nn.Module, view: AttentionView) -> int:
    """Channels of the images that ``model`` takes: those of its patch embedding, or of its first convolution.

    Raises :class:`~headstart.errors.UnsupportedModel` where there is neither.
    """
    found = view.patch_embed or next((layer for layer in model.modules() if isinstance(layer, nn.Conv2d)), None)
    if found is None:
        raise UnsupportedModel(f"{type(model).__name__}: no nn.Conv2d tells how many channels its images have.")
    return found.in_channels


def check_number(method: str, key: str, value: float, high: float = math.inf, *, above: bool = False) -> None:
    """Raise :class:`~headstart.errors.HeadstartError` unless ``value`` is from 0 (or ``above`` it) to ``high``."""
    if not 0 <= value <= high or (value == 0 and above) or value == math.inf:
        low = "above 0" if above else "from 0 on"
        until = "" if high == math.inf else f", at most {high:g}"
        raise HeadstartError(f"{method}: {key} must be a number {low}{until}; got {value}.")
