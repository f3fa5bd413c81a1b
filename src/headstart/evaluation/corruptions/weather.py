"""Weather: snow, fog, and a bright day.

Shapes: B images, C channels, H rows, W columns; images float32 (B, C, H, W) in [0, 1].
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.evaluation.corruptions.blur import clipped_zoom
from headstart.evaluation.corruptions.draws import Draws
from headstart.evaluation.corruptions.levels import floored
from headstart.evaluation.corruptions.motion import smear

__all__ = ["brightness", "fog", "plasma", "snow"]


def snow(images: Tensor, parameters: tuple[float, float, float, float, int, float, float], draws: Draws) -> Tensor:
    """Flakes: noise, enlarged, its peaks alone, smeared downwards; laid over a paler image, and once more upside down.

    The image becomes keep·x + (1 − keep)·max(x, 1.5·grey + 0.5), grey the luminance 0.299 R + 0.587 G + 0.114 B.

    Args:
        images: to be corrupted.
        parameters: (mean and sd of the noise, factor of enlargement, what counts as a peak, radius and σ of the
            :func:`~headstart.evaluation.corruptions.motion.smear`, keep).
        draws: of the noise and of the direction, −135° to −45°.
    """
    mean, sd, factor, peak, radius, sigma, keep = parameters
    flakes = clipped_zoom(draws.normal(1, *images.shape[-2:]) * sd + mean, factor)
    flakes = floored(flakes.masked_fill(flakes < peak, 0.0))
    flakes = smear(flakes, radius, sigma, draws.uniform(-135, -45, 1)[:, 0])
    if images.shape[1] == 3:
        weights = torch.tensor([0.299, 0.587, 0.114], device=images.device)
        grey = (images * weights[:, None, None]).sum(1, keepdim=True)
    else:
        grey = images
    paler = keep * images + (1 - keep) * torch.maximum(images, grey * 1.5 + 0.5)
    return paler + flakes + flakes.flip(-2, -1)


def plasma(size: int, decay: float, draws: Draws) -> Tensor:
    """Clouds by the diamond-square algorithm on a torus, from 0 to 1 in each image: float32 (B, size, size).

    Starting from one corner, the middle of each square and then of each edge gets the mean of its four neighbours
    plus u·w², u uniform in [−1, 1], and w is divided by ``decay`` before the next, half as wide squares. (The released
    code scales by w, 100 at first, and draws from −w to w.)

    Args:
        size: a power of two.
        decay: how fast details get faint.
        draws: of u, one for each place.
    """
    drawn = draws.uniform(-1, 1, size, size)
    field = torch.zeros_like(drawn)
    step, wide = size, 100.0
    while step >= 2:
        half = step // 2
        even, odd = slice(None, None, step), slice(half, None, step)
        corners = field[:, even, even]
        pairs = corners + corners.roll(-1, 1)
        centres = (pairs + pairs.roll(-1, 2)) / 4 + wide**2 * drawn[:, odd, odd]
        field[:, odd, odd] = centres
        across = (corners + corners.roll(-1, 2) + centres + centres.roll(1, 1)) / 4
        down = (corners + corners.roll(-1, 1) + centres + centres.roll(1, 2)) / 4
        field[:, even, odd] = across + wide**2 * drawn[:, even, odd]
        field[:, odd, even] = down + wide**2 * drawn[:, odd, even]
        step, wide = half, wide / decay
    field = field - field.amin((1, 2), keepdim=True)
    return field / field.amax((1, 2), keepdim=True)


def fog(images: Tensor, parameters: tuple[float, float], draws: Draws) -> Tensor:
    """(x + a·clouds) · m / (m + a), m the largest value of the image; parameters are (a, decay of :func:`plasma`).

    Clouds are as wide as the next power of two (256 for 224 pixels), of which the first rows and columns are taken.
    """
    amount, decay = parameters
    height, width = images.shape[-2:]
    clouds = plasma(1 << (max(height, width) - 1).bit_length(), decay, draws)[:, None, :height, :width]
    largest = images.amax((1, 2, 3), keepdim=True)
    return (images + amount * clouds) * largest / (largest + amount)


def brightness(images: Tensor, amount: float, draws: Draws) -> Tensor:
    """The largest channel of each pixel, HSV's value, grows by ``amount`` to at most 1; hue and saturation stay."""
    value = images.amax(1, keepdim=True)
    brighter = (value + amount).clamp(max=1)
    return torch.where(value > 0, images * (brighter / value.clamp(min=1e-6)), brighter)
