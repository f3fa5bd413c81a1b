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
from headstart.methods.method import Method, Step
from headstart.methods.noise import channels_of, check_number, normals, of_strength
from headstart.methods.reader import Reader
from headstart.methods.registry import register

__all__ = ["CANDIDATES", "ConditionedChoice"]

CANDIDATES = ("none", "noise", "coarse", "fourier")


@register
class ConditionedChoice(Method):
    """One of four augmentations for each image, chosen by a small network that looks at it.

    Candidates: ``none``, the image as it is; ``noise``, Gaussian; ``coarse``, Gaussian noise in cells of 2×2 pixels;
    ``fourier``, amplitudes changed at random (:class:`~headstart.methods.fourier.Fourier`). A
    :class:`~headstart.methods.reader.Reader` guesses the model's loss on each candidate of the image x, beyond log K,
    that of a model that guesses among K classes: q_m = v(x) + a_m(x). Then ::

        π = softmax(q / temperature)
        m = argmax_m (log π_m + g_m), g_m = −log(−log u_m): candidate m with probability π_m
        x' = candidate m of x

    and mean (q_m − loss(x') + log K)² / 20 is added to the loss, with no gradient to the model. So candidates that
    the model finds hard, of this image, are likelier, and all of them stay possible. The reader learns at ten times the
    recipe's rate: it has to follow the model.

    Args:
        strength: root mean square of both noises, in standard deviations of the dataset's pixels.
        amplitudes: of ``fourier``, the standard deviation of the logarithm of a factor.
        temperature: nats of loss that make a candidate e times as likely; a large one is random choice.
        width: channels of the reader.
        control: ``blind``, the reader sees no image: chances are learned, and the same for all images; ``random``,
            a fixed quarter each; ``none``.

    Our reading: of the paper's *selection*, "a predictor that chooses the most suitable augmentation per input", only
    the abstract was to be had; candidates, objective and numbers are ours.

    Raises :class:`~headstart.errors.HeadstartError` for options out of range, and when attached to a model without
    convolutions.
    """

    name, augments, has_loss = "conditioned-choice", True, True
    draws = len(CANDIDATES) + 6
    rate = 10.0

    def __init__(
        self,
        strength: float = 0.4,
        amplitudes: float = 0.5,
        temperature: float = 0.1,
        width: int = 16,
        control: str = "none",
    ) -> None:
        super().__init__()
        for key, value in (("strength", strength), ("amplitudes", amplitudes), ("temperature", temperature)):
            check_number(self.name, key, value, above=True)
        if width < 1:
            raise HeadstartError(f"{self.name}: width must be one channel or more, got {width}.")
        if control not in ("none", "blind", "random"):
            raise unknown(f"control of {self.name}", control, ["none", "blind", "random"])
        self.strength, self.amplitudes, self.temperature, self.width = strength, amplitudes, temperature, width
        self.control = control

    def attach(self, model: nn.Module, view: AttentionView) -> nn.Module:
        """Make the reader for the model's images; the model stays as it is."""
        if self.control != "random":
            self.reader = Reader(channels_of(model, view), 1 + len(CANDIDATES), self.width, self.control == "blind")
        return model

    def guesses(self, images: Tensor) -> Tensor:
        """q, (B, M): the loss that each candidate is guessed to give, in nats beyond guessing."""
        if self.control == "random":
            return torch.zeros(len(images), len(CANDIDATES), device=images.device)
        read = self.reader(images)
        return read[:, :1] + read[:, 1:]

    def chosen(self, guesses: Tensor, draws: Tensor) -> Tensor:
        """Which candidate each image gets, int64 (B,)."""
        least = 2.0**-24  # a draw may be nought, which has no logarithm
        uniform = draws[:, : len(CANDIDATES)].clamp(least, 1 - least)
        return (guesses / self.temperature - (-uniform.log()).log()).argmax(dim=1)

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
        with torch.no_grad():  # of the choice alone: another method may be behind the images
            chosen = self.chosen(self.guesses(images), draws)
        every = self.candidates(images, draws[:, len(CANDIDATES) :])
        return every[torch.arange(len(images), device=images.device), chosen], None

    def loss(self, step: Step) -> Tensor | None:
        if self.control == "random":
            return None
        assert step.given is not None
        guesses = self.guesses(step.given)
        guessed = guesses.gather(1, self.chosen(guesses, step.draws)[:, None])[:, 0]
        logits = step.logits.detach().float()
        seen = F.cross_entropy(logits, step.targets, reduction="none") - math.log(logits.shape[1])
        # Optimizers that divide by a gradient's size don't mind a factor; clipping the gradient of everything does.
        return (guessed - seen).square().mean() / 20
