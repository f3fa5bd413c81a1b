"""What an augmentation expects of its settings, images, labels and draws."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor

from headstart.data.augmentation.draws import Draws
from headstart.errors import HeadstartError, unknown

if TYPE_CHECKING:
    from headstart.data.augmentation.settings import Augmentation

__all__ = ["Policy", "check_batch", "check_floats", "check_labels", "check_settings", "check_shape"]

Policy = Literal["none", "randaugment", "trivialaugment", "3augment"]


def check_settings(a: Augmentation) -> None:
    """Raise unless every setting is in its range and none excludes another."""
    _whole("crop", a.crop, 0, "a padding in pixels, 0 or more")
    if a.resized_crop is not None:
        if a.crop:
            raise HeadstartError(
                f"expected crop or resized_crop, got crop={a.crop} and resized_crop={a.resized_crop}: "
                "both choose the place; leave one out"
            )
        _number("resized_crop", a.resized_crop, "a share of the area above 0, up to 1", above=0, most=1)
    if a.policy not in get_args(Policy):
        raise unknown("augmentation policy", a.policy, get_args(Policy))
    _number("magnitude", a.magnitude, "a level from 0 to 30", least=0, most=30)
    _whole("operations", a.operations, 1, "a number of operations, 1 or more")
    _number("color_jitter", a.color_jitter, "a part from 0 to 1", least=0, most=1)
    _number("erase", a.erase, "a probability from 0 to 1", least=0, most=1)
    for name in ("mixup", "cutmix"):
        _number(name, getattr(a, name), "the α of a Beta distribution, 0 for off", least=0)
    if not isinstance(a.fill, tuple) or not all(_is_whole(v) and 0 <= v <= 255 for v in a.fill):
        raise HeadstartError(f"expected fill as a tuple of whole numbers from 0 to 255, got {a.fill!r}")


def check_shape(a: Augmentation, count: int, shape: tuple[int, int, int], generator: torch.Generator) -> None:
    """Raise unless draws can be made for ``count`` images of this shape."""
    if generator.device.type != "cpu":
        raise HeadstartError(
            f"expected a generator on the CPU, got one on {generator.device}: "
            "draws are made there, the same for every device; draws.to(device) takes them along"
        )
    if count < 0 or len(shape) != 3 or min(shape) < 1:
        raise HeadstartError(
            f"expected a count and an image shape (channels, height, width), got {count} and {tuple(shape)}"
        )
    if (a.policy != "none" or a.color_jitter) and shape[0] not in (1, 3):
        raise HeadstartError(
            f"expected gray or colour images for a policy or colour jitter, 1 or 3 channels, got {shape[0]}: "
            'choose policy="none" and color_jitter=0'
        )
    if len(a.fill) not in (0, 1, shape[0]):
        raise HeadstartError(
            f"expected a fill of one number for each of {shape[0]} channels, or one for all, got {a.fill}"
        )


def check_batch(images: Tensor, draws: Draws) -> None:
    """Raise unless the images are uint8 and the draws belong to them."""
    if images.dtype != torch.uint8:
        raise HeadstartError(f"expected images as uint8, 0 to 255, got {images.dtype}: augment first, then normalize")
    _belong(images, draws)


def check_floats(images: Tensor, draws: Draws) -> None:
    """Raise unless the images are floats and the draws belong to them."""
    if not images.is_floating_point():
        raise HeadstartError(f"expected normalised images as floats, got {images.dtype}: mix after normalize")
    _belong(images, draws)


def check_labels(labels: Tensor, images: Tensor, classes: int) -> None:
    """Raise unless there is a class index for each image."""
    if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
        raise HeadstartError(
            f"expected labels as int64 of shape ({len(images)},), got {labels.dtype} of shape {tuple(labels.shape)}"
        )
    _whole("classes", classes, 1, "a number of classes, 1 or more")


def _belong(images: Tensor, draws: Draws) -> None:
    if images.ndim != 4:
        raise HeadstartError(f"expected images of shape (batch, channels, height, width), got {tuple(images.shape)}")
    if tuple(images.shape[1:]) != tuple(draws.image_shape):
        raise HeadstartError(
            f"expected images of shape {tuple(draws.image_shape)}, which the draws were made for, "
            f"got {tuple(images.shape[1:])}: draw for the shape at hand"
        )
    if len(images) != len(draws):
        raise HeadstartError(
            f"expected draws of {len(images)} images, got {len(draws)}: take the same rows of both, draws[rows]"
        )
    if images.device != draws.table.device:
        raise HeadstartError(
            f"expected draws on {images.device}, where the images are, got {draws.table.device}: "
            "draws.to(images.device)"
        )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _whole(name: str, value: object, least: int, what: str) -> None:
    if not _is_whole(value) or value < least:  # type: ignore[operator]
        raise HeadstartError(f"expected {name} as {what}, got {value!r}")


def _number(
    name: str, value: object, what: str, *, least: float = -math.inf, above: float = -math.inf, most: float = math.inf
) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise HeadstartError(f"expected {name} as {what}, got {value!r}")
    if not (least <= value <= most and value > above):
        raise HeadstartError(f"expected {name} as {what}, got {value!r}")
