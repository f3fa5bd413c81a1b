"""Fourier augmentation: amplitudes of an image's spectrum are changed at random, phases kept.

Shapes: ``B`` images, ``C`` channels, ``H``, ``W`` pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.methods.method import Method
from headstart.methods.noise import check_number, normals, some
from headstart.methods.registry import register

__all__ = ["Fourier", "scaled_amplitudes"]


def scaled_amplitudes(images: Tensor, normal: Tensor, strength: float) -> Tensor:
    """Images (B, C, H, W) whose amplitude at frequency f is multiplied by exp(``strength`` · g_f); real, as they were.

    g_f = (n_f + n_{−f}) / √2 for standard normal n (B, H, W): the same for both signs of a frequency, as a real image
    has it, and for all channels, so that colours keep together. The mean of each channel, f = 0, is left alone.
    """
    opposite = normal.flip(-2, -1).roll((1, 1), (-2, -1))
    gain = torch.exp(strength * (normal + opposite) / 2**0.5)
    keep = torch.zeros(gain.shape[1:], dtype=torch.bool, device=gain.device)
    keep[0, 0] = True
    gain = gain.masked_fill(keep, 1.0)
    return torch.fft.ifft2(torch.fft.fft2(images.float()) * gain[:, None]).real


@register
class Fourier(Method):
    """Each amplitude of an image's spectrum times exp(s·g), g standard normal, for a ``share`` of the images of a step.

    The phases, which say where things are, stay; how much there is of each frequency changes by a factor of e^s or so.

    Args:
        strength: s.
        share: of the images, each decided by a draw of its own; the others are seen clean.

    Our reading of "Fourier-domain augmentation" in 2204.12143, whose definition we could not find. Other methods mix
    the amplitudes of two images; here none looks at another image, so that a batch can be cut in parts.

    Raises :class:`~headstart.errors.HeadstartError` for a strength or a share out of range.
    """

    name, augments = "fourier", True
    draws = 3

    def __init__(self, strength: float = 0.5, share: float = 0.5) -> None:
        super().__init__()
        check_number(self.name, "strength", strength, above=True)
        check_number(self.name, "share", share, 1.0, above=True)
        self.strength, self.share = strength, share

    def augment(self, images: Tensor, draws: Tensor) -> tuple[Tensor, Tensor | None]:
        changed = scaled_amplitudes(images, normals(draws[:, 1:], *images.shape[2:]), self.strength)
        return some(images, changed, draws[:, 0], self.share), None
