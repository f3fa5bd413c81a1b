"""Which augmentation suits an image? A predictor chooses one for each (2204.12143).

Shapes: ``B`` images, ``C`` channels, ``H``, ``W`` pixels, ``M`` candidates.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headstart.attention import AttentionView
from headstart.errors import HeadstartError, unknown
from headstart.methods.fourier import scaled_amplitudes
from headstart.methods.method import Method
from headstart.methods.noise import channels_of, check_number, normals, of_strength
from headstart.methods.reader import Reader
from headstart.methods.registry import register

__all__ = ["CANDIDATES", "ConditionedChoice"]

CANDIDATES = ("none", "noise", "coarse", "fourier")


@register
class ConditionedChoice(Method):
    """One of four augmentations for each image, chosen by a small network that looks at it.

    Candidates: ``none``, the image as it is; ``noise``, Gaussian; ``coarse``, Gaussian noise in cells of 2×2 pixels;
    ``fourier``, amplitudes changed at random (:class:`~headstart.methods.fourier.Fourier`). With π = softmax of a
    :class:`~headstart.methods.reader.Reader`'s numbers for the image x::

        m  = argmax_m (log π_m + g_m), g_m = −log(−log u_m): candidate m with probability π_m
        x' = candidate m of x

    The reader is trained to raise the loss that the model lowers, through the straight-through gradient of that choice
    (Gumbel-softmax, 1611.01144), and pays for preferring: entropy · mean KL(π, uniform) is added to the loss, and that
    it lowers. At its optimum π_m goes with exp(loss with m / entropy): hard candidates are likelier, all stay possible.

    Args:
        strength: root mean square of both noises, in standard deviations of the dataset's pixels.
        amplitudes: of ``fourier``, the standard deviation of the logarithm of a factor.
        entropy: the price; a large one is random choice.
        width: channels of the reader.
        control: ``blind``, the reader sees no image: frequencies are learned, and the same for all images; ``random``,
            a fixed quarter each; ``none``.

    Our reading: of the paper's *selection*, "a predictor that chooses the most suitable augmentation per input", only
    the abstract was to be had; candidates, objective and numbers are ours.

    Raises :class:`~headstart.errors.HeadstartError` for options out of range, and when attached to a model without
    convolutions.
    """

    name, augments = "conditioned-choice", True
    draws = len(CANDIDATES) + 6

    def __init__(
        self,
        strength: float = 0.4,
        amplitudes: float = 0.5,
        entropy: float = 0.1,
        width: int = 16,
        control: str = "none",
    ) -> None:
        super().__init__()
        for key, value in (("strength", strength), ("amplitudes", amplitudes), ("entropy", entropy)):
            check_number(self.name, key, value, above=True)
        if width < 1:
            raise HeadstartError(f"{self.name}: width must be one channel or more, got {width}.")
        if control not in ("none", "blind", "random"):
            raise unknown(f"control of {self.name}", control, ["none", "blind", "random"])
        self.strength, self.amplitudes, self.entropy, self.width = strength, amplitudes, entropy, width
        self.control = control

    def attach(self, model: nn.Module, view: AttentionView) -> nn.Module:
        """Make the reader for the model's images; the model stays as it is."""
        if self.control != "random":
            self.reader = Reader(channels_of(model, view), len(CANDIDATES), self.width, self.control == "blind")
        return model

    def preferences(self, images: Tensor) -> Tensor:
        """The logarithms of π, (B, M)."""
        if self.control == "random":
            return images.new_full((len(images), len(CANDIDATES)), -math.log(len(CANDIDATES)), dtype=torch.float32)
        return self.reader(images).log_softmax(dim=1)

    def candidates(self, images: Tensor, draws: Tensor) -> Tensor:
        """Every candidate of every image, (B, M, C, H, W), from six draws of each, (B, 6)."""
        channels, height, width = images.shape[1:]
        noise = normals(draws[:, :2], channels, height, width)
        cells = normals(draws[:, 2:4], channels, (height + 1) // 2, (width + 1) // 2)
        coarse = cells.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)[:, :, :height, :width]
        changed = scaled_amplitudes(images, normals(draws[:, 4:], height, width), self.amplitudes)
        noisy = [images + of_strength(one, self.strength) for one in (noise, coarse)]
        return torch.stack([images, *noisy, changed], dim=1)

    def augment(self, images: Tensor, draws: Tensor) -> tuple[Tensor, Tensor | None]:
        count = len(CANDIDATES)
        logs = self.preferences(images)
        least = 2.0**-24  # a draw may be nought, which has no logarithm
        scores = logs - (-draws[:, :count].clamp(least, 1 - least).log()).log()
        chosen, soft = F.one_hot(scores.argmax(dim=1), count).float(), scores.softmax(dim=1)
        # The value of the choice itself, with the gradient of the soft one, its sign turned round.
        weights = chosen - (soft - soft.detach())
        changed = (self.candidates(images, draws[:, count:]) * weights[:, :, None, None, None]).sum(dim=1)
        if self.control == "random":
            return changed, None
        return changed, self.entropy * ((logs.exp() * logs).sum(dim=1).mean() + math.log(count))
