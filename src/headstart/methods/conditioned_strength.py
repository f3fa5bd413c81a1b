"""Augmentation whose parameters come from the image itself: noise of its own colour and strength (2204.12143).

Shapes: ``B`` images, ``C`` channels, ``H``, ``W`` pixels, ``K`` experts.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headstart.attention import AttentionView
from headstart.errors import HeadstartError, unknown
from headstart.methods.adversarial_noise import reversed_gradient
from headstart.methods.method import Method
from headstart.methods.noise import channels_of, check_number, normals, of_strength, some
from headstart.methods.reader import Reader
from headstart.methods.registry import register

__all__ = ["ConditionedStrength"]


@register
class ConditionedStrength(Method):
    """Noise that a conditional convolution makes for each image, as strong as a small network says for that image.

    With z standard normal (C, H, W), W_k the kernels of K experts, and a(x), r(x) what a
    :class:`~headstart.methods.reader.Reader` makes of the image x::

        n  = Σ_k softmax(a(x))_k · (W_k ∗ z)
        s  = strength · 2 · sigmoid(r(x))                 from 0 to twice the strength, at first the strength
        x' = x + s · n / rms(n)                           for a share of the images

    Reader and kernels are trained to raise the loss that the model lowers, in the same backward pass, and pay for what
    they use: price · mean (s/strength − 1)² is added to the loss, and that they lower. So strength goes where it costs
    the model most, and without a price it would go to the limit everywhere. They learn at ten times the recipe's rate:
    they have to follow the model.

    Args:
        strength: root mean square of the noise that is free, in standard deviations of the dataset's pixels.
        share: of the images of a step; the others are seen clean.
        price: of departing from it.
        experts: K. Their kernels start at one for the pixel itself, plus noise of 0.1.
        kernel: a side of theirs, odd.
        width: channels of the reader.
        control: ``blind``, the reader sees no image: parameters are learned, and the same for all images; ``none``.

    Our reading: of the paper's *dynamic parameters*, "augmentation strength generated per input by conditional
    convolutions", only the abstract was to be had; formula, objective and numbers are ours.

    Raises :class:`~headstart.errors.HeadstartError` for options out of range, and when attached to a model without
    convolutions.
    """

    name, augments = "conditioned-strength", True
    draws = 3
    rate = 10.0

    def __init__(
        self,
        strength: float = 0.4,
        share: float = 0.5,
        price: float = 1.0,
        experts: int = 4,
        kernel: int = 3,
        width: int = 16,
        control: str = "none",
    ) -> None:
        super().__init__()
        check_number(self.name, "strength", strength, above=True)
        check_number(self.name, "share", share, 1.0, above=True)
        check_number(self.name, "price", price)
        if kernel < 1 or kernel % 2 == 0:
            raise HeadstartError(f"{self.name}: kernel must be an odd number of pixels, got {kernel}.")
        for key, value in (("experts", experts), ("width", width)):
            if value < 1:
                raise HeadstartError(f"{self.name}: {key} must be one or more, got {value}.")
        if control not in ("none", "blind"):
            raise unknown(f"control of {self.name}", control, ["none", "blind"])
        self.strength, self.share, self.price = strength, share, price
        self.number, self.kernel, self.width, self.blind = experts, kernel, width, control == "blind"

    def attach(self, model: nn.Module, view: AttentionView) -> nn.Module:
        """Make reader and experts for the model's images; the model stays as it is."""
        channels = channels_of(model, view)
        self.reader = Reader(channels, self.number + 1, self.width, self.blind)
        kernels = 0.1 * torch.randn(self.number, channels, channels, self.kernel, self.kernel)
        kernels[:, range(channels), range(channels), self.kernel // 2, self.kernel // 2] += 1
        self.experts = nn.Parameter(kernels)
        return model

    def conditions(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """How the experts are mixed for each image, (B, K), and how many times the free strength it gets, (B,)."""
        read = self.reader(images)
        return read[:, :-1].softmax(dim=1), 2 * read[:, -1].sigmoid()

    def augment(self, images: Tensor, draws: Tensor) -> tuple[Tensor, Tensor | None]:
        mixture, times = self.conditions(images)
        drawn = normals(draws[:, 1:], *images.shape[1:])
        each = F.conv2d(drawn, self.experts.flatten(0, 1), padding=self.kernel // 2).float()
        each = each.view(len(images), self.number, *images.shape[1:])
        noise = of_strength((each * mixture[:, :, None, None, None]).sum(dim=1), self.strength * times)
        noisy = draws[:, 0] < self.share
        paid = self.price * (noisy * (times - 1).square()).mean()
        return some(images, images + reversed_gradient(noise), draws[:, 0], self.share), paid
