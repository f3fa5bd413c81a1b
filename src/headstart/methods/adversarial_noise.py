"""Adversarial noise training (2001.06057): a small network makes the noise that the model stands least."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from headstart.attention import AttentionView
from headstart.errors import HeadstartError
from headstart.methods.method import Method
from headstart.methods.noise import channels_of, check_number, normals, of_strength, some
from headstart.methods.registry import register

__all__ = ["AdversarialNoise", "reversed_gradient"]


def reversed_gradient(value: Tensor) -> Tensor:
    """``value``, bit for bit, with the sign of its gradient turned round: what is behind it is trained the other way.

    >>> import torch
    >>> x = torch.ones(1, requires_grad=True)
    >>> reversed_gradient(3 * x).backward(); x.grad
    tensor([-3.])
    """
    return 2 * value.detach() - value


@register
class AdversarialNoise(Method):
    """x + s · g / rms(g) with g = z + G(z), z standard normal; G is trained to raise the loss that the model lowers.

    G is two convolutions with a GELU between, C → ``width`` → C. With kernels of one pixel the noise stays independent
    from pixel to pixel, and the channels of a pixel are mixed and bent; with larger ones it gets coarse. It does not
    see the image. One backward pass serves both: the gradient reaches G with its sign turned round. G learns at ten
    times the recipe's rate: it has to follow the model.

    Args:
        strength: s, the same for all images, in standard deviations of the dataset's pixels: the noise's L2 norm is
            s·√(C·H·W).
        share: of the images of a step; the others are seen clean.
        kernel: a side of G's kernels, odd.
        width: channels between.

    Our reading, from the paper's idea: it trains generator and classifier in turns, of deeper networks, and keeps noise
    of earlier generators beside the newest. Here there is one step for both, and no memory.

    Raises :class:`~headstart.errors.HeadstartError` for options out of range, and when attached to a model without
    convolutions.
    """

    name, augments = "adversarial-noise", True
    draws = 3
    rate = 10.0

    def __init__(self, strength: float = 0.4, share: float = 0.5, kernel: int = 1, width: int = 16) -> None:
        super().__init__()
        check_number(self.name, "strength", strength, above=True)
        check_number(self.name, "share", share, 1.0, above=True)
        if kernel < 1 or kernel % 2 == 0:
            raise HeadstartError(f"{self.name}: kernel must be an odd number of pixels, got {kernel}.")
        if width < 1:
            raise HeadstartError(f"{self.name}: width must be one channel or more, got {width}.")
        self.strength, self.share, self.kernel, self.width = strength, share, kernel, width

    def attach(self, model: nn.Module, view: AttentionView) -> nn.Module:
        """Make the generator for the model's images; the model stays as it is."""
        channels, same = channels_of(model, view), self.kernel // 2
        self.first = nn.Conv2d(channels, self.width, self.kernel, padding=same)
        self.second = nn.Conv2d(self.width, channels, self.kernel, padding=same)
        return model

    def augment(self, images: Tensor, draws: Tensor) -> tuple[Tensor, Tensor | None]:
        drawn = normals(draws[:, 1:], *images.shape[1:])
        made = drawn + self.second(F.gelu(self.first(drawn))).float()
        noise = reversed_gradient(of_strength(made, self.strength))
        return some(images, images + noise, draws[:, 0], self.share), None
