"""The augmentation of a recipe: what is done to each image, in which order, and how it is checked and drawn.

Shapes: B images, C channels, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from headstart.data.augmentation import erasing, mixing, placement, policies
from headstart.data.augmentation.checks import (
    Policy,
    check_batch,
    check_floats,
    check_labels,
    check_settings,
    check_shape,
)
from headstart.data.augmentation.draws import Draws
from headstart.data.augmentation.kinds import Kind
from headstart.data.augmentation.rounds import apply_round

__all__ = ["Augmentation"]


@dataclass(frozen=True)
class Augmentation:
    """What happens to each image of a batch, by its own draw, on the device the images are on.

    In this order: cut out (``crop`` or ``resized_crop``), ``flip``, ``policy``, ``color_jitter``; then on normalised
    images ``erase``, and ``mixup`` or ``cutmix`` with the neighbour in the batch (0 with 1, 2 with 3, …; the order of a
    batch is random anyway). Images of 1 or 3 channels; policies equal Pillow's operations bit for bit.

    Args:
        crop: pad by so many pixels on every side and cut out the image's size at a random place.
        resized_crop: cut out a box of a random share of the area, from this one to 1, and of a ratio from 3/4 to
            4/3, and resize it back: torchvision's ``RandomResizedCrop``.
        flip: mirror left to right with probability 1/2.
        policy: "randaugment" (1909.13719), "trivialaugment" (2103.10158, wide) or "3augment" (2204.07118).
        magnitude: of RandAugment, 0 to 30, in torchvision's ranges.
        operations: of RandAugment, one after another.
        color_jitter: brightness, contrast and colour each by a factor from 1 − this to 1 + this, in random order.
        erase: probability that a rectangle of 2 to 33 % of the area becomes normal noise.
        mixup: α of Beta(α, α), from which the share of each image is drawn; 0 for no mixup.
        cutmix: likewise, the share of the area. With both, each image has one or the other, equally likely.
        fill: colour 0 to 255 of what comes from outside the image, one number for each channel or for all; black
            if empty.

    Raises:
        HeadstartError: if a number is out of its range, the policy is unknown, or ``crop`` and ``resized_crop`` are
            both on.

    >>> print(Augmentation(crop=4, flip=True, mixup=0.8))
    shifted by up to 4 pixels, mirrored with probability 1/2, mixed by mixup (α 0.8)
    >>> images = torch.zeros(8, 3, 32, 32, dtype=torch.uint8)
    >>> augmentation = Augmentation(crop=4, flip=True)
    >>> draws = augmentation.draw(8, (3, 32, 32), torch.Generator().manual_seed(0))
    >>> augmentation.apply(images, draws).shape
    torch.Size([8, 3, 32, 32])
    """

    crop: int = 0
    resized_crop: float | None = None
    flip: bool = False
    policy: Policy = "none"
    magnitude: float = 9
    operations: int = 2
    color_jitter: float = 0
    erase: float = 0
    mixup: float = 0
    cutmix: float = 0
    fill: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_settings(self)

    @property
    def mixes(self) -> bool:
        """Whether labels become distributions over the classes."""
        return bool(self.mixup or self.cutmix)

    @property
    def rounds(self) -> list[Collection[Kind]]:
        """The kinds of operation that are possible in each round of policy and jitter."""
        policy: dict[str, list[Collection[Kind]]] = {
            "none": [],
            "randaugment": [policies.WIDE] * self.operations,
            "trivialaugment": [policies.WIDE],
            "3augment": [policies.THREE],
        }
        return policy[self.policy] + [policies.JITTERS] * (3 if self.color_jitter else 0)

    def draw(self, count: int, image_shape: tuple[int, int, int], generator: torch.Generator) -> Draws:
        """Everything random of a batch.

        Args:
            count: B.
            image_shape: (C, H, W).
            generator: on the CPU; its state moves on.

        Returns:
            The draws, on the CPU: the same whatever device the images are on.

        Raises:
            HeadstartError: if the generator is not on the CPU, or the shape or ``fill`` does not suit.
        """
        check_shape(self, count, image_shape, generator)
        size = image_shape[1:]
        choices: dict[str, Tensor] = {}
        if self.crop:
            choices["offset"] = placement.draw_offsets(count, self.crop, generator)
        if self.resized_crop is not None:
            choices["box"] = placement.draw_boxes(count, size, self.resized_crop, generator)
        if self.flip:
            choices["mirrored"] = placement.draw_mirrored(count, generator)
        for number, drawn in enumerate(self._draw_rounds(count, size, generator)):
            choices |= {f"{number}.{name}": values for name, values in drawn.items()}
        if self.erase:
            choices["erased"] = erasing.draw_erased(count, size, self.erase, generator)
        if self.mixes:
            choices["shares"], choices["cut"] = mixing.draw_mixing(count, size, self.mixup, self.cutmix, generator)
        return Draws.of(choices, image_shape, count)

    def apply(self, images: Tensor, draws: Draws) -> Tensor:
        """All that is done before normalising.

        Args:
            images: uint8 (B, C, H, W).
            draws: of B images, on the same device.

        Returns:
            uint8 (B, C, H, W). The argument is left as it is.

        Raises:
            HeadstartError: on another dtype or shape, or draws that do not belong to these images.
        """
        check_batch(images, draws)
        mirrored = draws.integers("mirrored") if self.flip else None
        if self.resized_crop is not None:
            images = placement.resize(images, draws.integers("box"), mirrored)
        elif self.crop or self.flip:
            offsets = draws.integers("offset") if self.crop else None
            images = placement.shift(images, offsets, mirrored, self.crop, self.fill)
        for number, possible in enumerate(self.rounds):
            images = apply_round(images, draws, number, possible, self.fill)
        return images

    def mix(self, images: Tensor, labels: Tensor, draws: Draws, classes: int) -> tuple[Tensor, Tensor]:
        """What is done to normalised images: erasing, then mixup or cutmix.

        Args:
            images: float (B, C, H, W).
            labels: int64 (B,).
            draws: those of :meth:`apply`.
            classes: how many there are.

        Returns:
            Images, float (B, C, H, W), and labels: float32 (B, classes) that sum to 1 if mixup or cutmix is on,
            else as they were.

        Raises:
            HeadstartError: on another dtype or shape, or draws that do not belong to these images.
        """
        check_floats(images, draws)
        check_labels(labels, images, classes)
        if self.erase:
            images = erasing.erase(images, draws.integers("erased"))
        if not self.mixes:
            return images, labels
        shares = draws.numbers("shares")
        images = mixing.mix_images(images, shares, draws.integers("cut"))
        return images, mixing.mix_labels(labels, shares, classes)

    def _draw_rounds(self, count: int, size: tuple[int, int], generator: torch.Generator) -> list[dict[str, Tensor]]:
        drawn = []
        if self.policy == "3augment":
            drawn.append(policies.draw_three(count, generator))
        elif self.policy != "none":
            times = self.operations if self.policy == "randaugment" else 1
            for _ in range(times):
                drawn.append(policies.draw_policy(count, self.policy, self.magnitude, size, generator))
        if self.color_jitter:
            drawn += policies.draw_jitter(count, self.color_jitter, generator)
        return drawn

    def __str__(self) -> str:
        mixed = [f"{name} (α {alpha:g})" for name, alpha in (("mixup", self.mixup), ("cutmix", self.cutmix)) if alpha]
        policy = {
            "none": "",
            "randaugment": f"{self.operations} of RandAugment's operations at magnitude {self.magnitude:g} of 30",
            "trivialaugment": "one of TrivialAugment's operations",
            "3augment": "gray, solarized or blurred",
        }[self.policy]
        steps = (
            (self.crop, f"shifted by up to {self.crop} pixels"),
            (self.resized_crop is not None, f"a box of {100 * (self.resized_crop or 0):g} to 100 % resized"),
            (self.flip, "mirrored with probability 1/2"),
            (self.policy != "none", policy),
            (self.color_jitter, f"brightness, contrast and colour by up to ±{100 * self.color_jitter:g} %"),
            (self.erase, f"erased in part with probability {self.erase:g}"),
            (mixed, f"mixed by {' or '.join(mixed)}"),
        )
        return ", ".join(text for on, text in steps if on) or "left as it is"
