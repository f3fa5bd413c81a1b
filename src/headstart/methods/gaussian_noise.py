"""Training on Gaussian noise: the plain augmentation that every cleverer noise has to beat (2001.06057)."""

from __future__ import annotations

from torch import Tensor

from headstart.methods.method import Method
from headstart.methods.noise import check_number, normals, of_strength, some
from headstart.methods.registry import register

__all__ = ["GaussianNoise"]


@register
class GaussianNoise(Method):
    """x + s · n / rms(n), n standard normal for each pixel and channel, for a ``share`` of the images of a step.

    Args:
        strength: s, in standard deviations of the dataset's pixels. 0.4 is about a tenth of the range from black to
            white on CIFAR-10: CIFAR-C's strongest Gaussian noise.
        share: of the images, each decided by a draw of its own; the others are seen clean.

    Differs from 2001.06057, where the noise is cut off at black and white: an image's noise has the same size here
    whatever the image, and the model sees values beyond. Every image's noise has the same norm, so that the
    adversarial noise can be held against it.

    Raises :class:`~headstart.errors.HeadstartError` for a strength or a share out of range.
    """

    name, augments = "gaussian-noise", True
    draws = 3

    def __init__(self, strength: float = 0.4, share: float = 0.5) -> None:
        super().__init__()
        check_number(self.name, "strength", strength, above=True)
        check_number(self.name, "share", share, 1.0, above=True)
        self.strength, self.share = strength, share

    def augment(self, images: Tensor, draws: Tensor) -> tuple[Tensor, Tensor | None]:
        noise = of_strength(normals(draws[:, 1:], *images.shape[1:]), self.strength)
        return some(images, images + noise, draws[:, 0], self.share), None
