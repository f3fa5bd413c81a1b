"""Noise: from too little light, from single photons, from broken pixels.

Shapes: B images, C channels, H rows, W columns; images float32 (B, C, H, W) in [0, 1].
"""

from __future__ import annotations

from torch import Tensor

from headstart.evaluation.corruptions.draws import Draws

__all__ = ["gaussian_noise", "impulse_noise", "shot_noise"]


def gaussian_noise(images: Tensor, sd: float, draws: Draws) -> Tensor:
    """X + sd·ε, with ε standard normal for each value of each channel."""
    return images + sd * draws.normal(*images.shape[1:])


def shot_noise(images: Tensor, photons: float, draws: Draws) -> Tensor:
    """Poisson(x · photons) / photons for each value; ``photons`` is what a white pixel counts on average."""
    return draws.poisson(images * photons) / photons


def impulse_noise(images: Tensor, share: float, draws: Draws) -> Tensor:
    """A ``share`` of all values becomes 0 or 1, half each; each channel by itself, so there are colours."""
    drawn = draws.uniform(0, 1, *images.shape[1:])
    return images.masked_fill(drawn < share / 2, 0.0).masked_fill(drawn >= 1 - share / 2, 1.0)
