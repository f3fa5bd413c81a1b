"""One corruption of one severity, on a batch of stored images.

Shapes: B images, C channels, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from headstart.errors import HeadstartError
from headstart.evaluation.corruptions.blur import defocus_blur, defocus_kernel, zoom_blur
from headstart.evaluation.corruptions.digital import contrast, jpeg, jpeg_compression, pixelate
from headstart.evaluation.corruptions.draws import Draws, image_seeds
from headstart.evaluation.corruptions.elastic import elastic_transform
from headstart.evaluation.corruptions.frost import frost
from headstart.evaluation.corruptions.glass import glass_blur
from headstart.evaluation.corruptions.levels import floored
from headstart.evaluation.corruptions.motion import motion_blur
from headstart.evaluation.corruptions.noise import gaussian_noise, impulse_noise, shot_noise
from headstart.evaluation.corruptions.tables import Suite, suite_for
from headstart.evaluation.corruptions.weather import brightness, fog, snow

__all__ = ["corrupt", "corrupt_with_seeds", "smallest_side"]

FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {
    "gaussian_noise": gaussian_noise,
    "shot_noise": shot_noise,
    "impulse_noise": impulse_noise,
    "defocus_blur": defocus_blur,
    "glass_blur": glass_blur,
    "motion_blur": motion_blur,
    "zoom_blur": zoom_blur,
    "snow": snow,
    "frost": frost,
    "fog": fog,
    "brightness": brightness,
    "contrast": contrast,
    "elastic_transform": elastic_transform,
    "pixelate": pixelate,
    "jpeg_compression": jpeg_compression,
}
CHUNK = {"cifar-c": 256, "imagenet-c": 16}  # images worked on at once; nothing depends on it but time and memory


def corrupt(
    images: Tensor,
    name: str,
    severity: int,
    generator: torch.Generator,
    *,
    suite: Suite | None = None,
    frost_photographs: Sequence[Tensor] | None = None,
) -> Tensor:
    """The images with one of the fifteen common corruptions (1903.12261).

    As published, results are cut down to whole levels, and those of ``imagenet-c`` then pass through JPEG of quality
    85, with which the published images are stored.

    Args:
        images: uint8 (B, C, H, W), one channel or three, on any device.
        name: one of :data:`~headstart.evaluation.corruptions.CORRUPTIONS`.
        severity: 1 to 5.
        generator: a CPU generator. Each image gets a seed from it and draws from that alone: image i comes out the
            same in whatever batch, on whatever device (but for rounding).
        suite: whose parameters; :func:`suite_for` the size unless given.
        frost_photographs: of :func:`read_frost`; without them frost is made up.

    Returns:
        uint8 (B, C, H, W).

    Raises:
        HeadstartError: on other images, another name or severity, or images that are too small.

    >>> images = torch.full((2, 1, 8, 8), 100, dtype=torch.uint8)
    >>> corrupt(images, "brightness", 3, torch.Generator().manual_seed(0)).unique().tolist()
    [138]
    """
    seeds = image_seeds(len(images), generator)
    return corrupt_with_seeds(images, name, severity, seeds, suite=suite, frost_photographs=frost_photographs)


def corrupt_with_seeds(
    images: Tensor,
    name: str,
    severity: int,
    seeds: Tensor,
    *,
    suite: Suite | None = None,
    frost_photographs: Sequence[Tensor] | None = None,
) -> Tensor:
    """:func:`corrupt` with the seeds of its images, int64 (B,), as :func:`image_seeds` gives them."""
    if images.ndim != 4 or images.dtype != torch.uint8 or images.shape[1] not in (1, 3):
        kind = str(images.dtype).removeprefix("torch.")
        raise HeadstartError(
            f"expected images as uint8 of shape (n, 1 or 3, height, width), got {kind} of shape {tuple(images.shape)}: "
            "corrupt the stored images, then normalize."
        )
    height, width = images.shape[2:]
    suite = suite or suite_for(height, width)
    parameters = suite.of(name, severity)
    needed = smallest_side(name, parameters)
    if min(height, width) < needed:
        raise HeadstartError(
            f"{name} of severity {severity} in {suite.name} needs images of at least {needed}×{needed} pixels, "
            f"got {height}×{width}: leave it out, or enlarge the images."
        )
    apply = FUNCTIONS[name]
    if name == "frost":
        apply = partial(frost, photographs=frost_photographs)
    parts = []
    for start in range(0, len(images), CHUNK[suite.name]):
        part = images[start : start + CHUNK[suite.name]]
        draws = Draws(seeds[start : start + len(part)], images.device)
        levels = (floored(apply(part.float() / 255, parameters, draws)) * 255).round().to(torch.uint8)
        parts.append(levels if suite.stored is None else jpeg(levels, suite.stored))
    return torch.cat(parts) if parts else images.clone()


def smallest_side(name: str, parameters: Any) -> int:
    """The pixels that the shorter side needs for a corruption with these parameters."""
    if name == "defocus_blur":
        return len(defocus_kernel(*parameters)) // 2 + 1  # what is mirrored must lie in the image
    if name == "glass_blur":
        return 2 * parameters[1] + 2  # else no pixel lies within the margins
    if name == "pixelate":
        return next(n for n in range(2, 100) if int(n * parameters) >= 1)
    return 3 if name == "elastic_transform" else 2
