"""The fifteen common corruptions: their names, their groups, and the published parameters of each severity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headstart.errors import HeadstartError, unknown

__all__ = ["CORRUPTIONS", "GROUPS", "SEVERITIES", "SUITES", "Suite", "suite_for"]

GROUPS: Mapping[str, tuple[str, ...]] = {
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise"),
    "blur": ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    "weather": ("snow", "frost", "fog", "brightness"),
    "digital": ("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
}
CORRUPTIONS = tuple(name for group in GROUPS.values() for name in group)
SEVERITIES = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Suite:
    """The parameters for one size of image.

    Args:
        name: ``cifar-c`` or ``imagenet-c``.
        pixels: the side of the images they were published for. Lengths among the parameters are in pixels of such
            images and are not scaled to others.
        parameters: for each corruption five choices, severity 1 to 5; what each number is, its function says.
        frost_scale: by how much the photographs of frost are reduced.
        stored: the JPEG quality that the published images are stored with; None where they are stored as they are.
    """

    name: str
    pixels: int
    parameters: Mapping[str, tuple[Any, ...]]
    frost_scale: float
    stored: int | None

    def of(self, name: str, severity: int) -> Any:
        """The parameters of one corruption.

        Raises:
            HeadstartError: on another name or severity.
        """
        if name not in self.parameters:
            raise unknown("corruption", name, self.parameters)
        if severity not in SEVERITIES:
            raise HeadstartError(f"expected a severity from 1 (mild) to 5 (severe), got {severity!r}.")
        return self.parameters[name][severity - 1]


# 1903.12261; the released make_cifar_c.py and make_imagenet_c.py (Apache-2.0) are the source of the numbers.
SMALL = {
    "gaussian_noise": (0.04, 0.06, 0.08, 0.09, 0.10),
    "shot_noise": (500, 250, 100, 75, 50),
    "impulse_noise": (0.01, 0.02, 0.03, 0.05, 0.07),
    "defocus_blur": ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
    "glass_blur": ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
    "motion_blur": ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
    "zoom_blur": ((1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01)),
    "snow": (
        (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    ),
    "frost": ((1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)),
    "fog": ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
    "brightness": (0.05, 0.1, 0.15, 0.2, 0.3),
    "contrast": (0.75, 0.5, 0.4, 0.3, 0.15),
    "elastic_transform": ((0, 0, 2.56), (1.6, 6.4, 2.24), (2.56, 1.92, 1.92), (3.2, 1.28, 1.6), (3.2, 0.96, 0.96)),
    "pixelate": (0.95, 0.9, 0.85, 0.75, 0.65),
    "jpeg_compression": (80, 65, 58, 50, 40),
}
LARGE = {
    "gaussian_noise": (0.08, 0.12, 0.18, 0.26, 0.38),
    "shot_noise": (60, 25, 12, 5, 3),
    "impulse_noise": (0.03, 0.06, 0.09, 0.17, 0.27),
    "defocus_blur": ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
    "glass_blur": ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
    "motion_blur": ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
    "zoom_blur": ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
    "snow": (
        (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
        (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
        (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    ),
    "frost": ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)),
    "fog": ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
    "brightness": (0.1, 0.2, 0.3, 0.4, 0.5),
    "contrast": (0.4, 0.3, 0.2, 0.1, 0.05),
    # Multiples of 244, which its authors say should have been 224.
    "elastic_transform": (
        (488, 170.8, 24.4),
        (488, 19.52, 48.8),
        (12.2, 2.44, 4.88),
        (17.08, 2.44, 4.88),
        (29.28, 2.44, 4.88),
    ),
    "pixelate": (0.6, 0.5, 0.4, 0.3, 0.25),
    "jpeg_compression": (25, 18, 15, 10, 7),
}
SUITES: Mapping[str, Suite] = {
    "cifar-c": Suite("cifar-c", 32, SMALL, frost_scale=0.2, stored=None),
    "imagenet-c": Suite("imagenet-c", 224, LARGE, frost_scale=1.0, stored=85),
}


def suite_for(height: int, width: int) -> Suite:
    """The suite whose size is nearer, as a ratio, to the shorter side: ``cifar-c`` up to 84 pixels.

    >>> suite_for(32, 32).name, suite_for(8, 8).name, suite_for(96, 128).name
    ('cifar-c', 'cifar-c', 'imagenet-c')
    """
    small, large = SUITES["cifar-c"], SUITES["imagenet-c"]
    return small if min(height, width) ** 2 <= small.pixels * large.pixels else large
