"""The augmentation of a recipe: what is done to each image, in which order, and how it is checked and drawn.

Shapes: B images, C channels, H rows, W columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from headstart.data.augmentation import erasing, mixing, placement
from headstart.data.augmentation.checks import check_batch, check_floats, check_labels, check_settings, check_shape
from headstart.data.augmentation.draws import Draws

__all__ = ["Augmentation"]


@dataclass(frozen=True)
class Augmentation:
    """What happens to each image of a batch, by its own draw, on the device the images are on.

    In this order: cut out (``crop`` or ``resized_crop``), ``flip``; then on normalised images ``erase``, and ``mixup``
    or ``cutmix`` with the neighbour in the batch (0 with 1, 2 with 3, …; the order of a batch is random anyway).

    Args:
        crop: pad by so many pixels on every side and cut out the image's size at a random place.
        resized_crop: cut out a box of a random share of the area, from this one to 1, and of a ratio from 3/4 to
            4/3, and resize it back: torchvision's ``RandomResizedCrop``.
        flip: mirror left to right with probability 1/2.
        erase: probability that a rectangle of 2 to 33 % of the area becomes normal noise.
        mixup: α of Beta(α, α), from which the share of each image is drawn; 0 for no mixup.
        cutmix: likewise, the share of the area. With both, each image has one or the other, equally likely.
        fill: colour 0 to 255 of what comes from outside the image, one number for each channel or for all; black
            if empty.

    Raises:
        HeadstartError: if a number is out of its range, or ``crop`` and ``resized_crop`` are both on.

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
            return placement.resize(images, draws.integers("box"), mirrored)
        if self.crop or self.flip:
            offsets = draws.integers("offset") if self.crop else None
            return placement.shift(images, offsets, mirrored, self.crop, self.fill)
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

    def __str__(self) -> str:
        mixed = [f"{name} (α {alpha:g})" for name, alpha in (("mixup", self.mixup), ("cutmix", self.cutmix)) if alpha]
        steps = (
            (self.crop, f"shifted by up to {self.crop} pixels"),
            (self.resized_crop is not None, f"a box of {100 * (self.resized_crop or 0):g} to 100 % resized"),
            (self.flip, "mirrored with probability 1/2"),
            (self.erase, f"erased in part with probability {self.erase:g}"),
            (mixed, f"mixed by {' or '.join(mixed)}"),
        )
        return ", ".join(text for on, text in steps if on) or "left as it is"
