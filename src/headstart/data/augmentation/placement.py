"""Where an image is cut out and which way it faces: shifted crops, resized crops, mirroring.

Shapes: B images, C channels, H rows, W columns.
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.data.augmentation.rectangles import draw_rectangles, uniform, whole_below
from headstart.data.augmentation.sampling import bordered, pick

__all__ = ["draw_boxes", "draw_mirrored", "draw_offsets", "resize", "shift"]

RATIO = (3 / 4, 4 / 3)
BITS = 22  # of Pillow's fixed-point weights


def draw_offsets(count: int, crop: int, generator: torch.Generator) -> Tensor:
    """Row and column where the cut starts in the padded image, uniform in 0 … 2·crop: int64 (B, 2)."""
    return whole_below(uniform(count, 2, generator), 2 * crop + 1)


def draw_mirrored(count: int, generator: torch.Generator) -> Tensor:
    """1 with probability 1/2, else 0: int64 (B, 1)."""
    return whole_below(uniform(count, 1, generator), 2)


def shift(images: Tensor, offsets: Tensor | None, mirrored: Tensor | None, crop: int, fill: tuple[int, ...]) -> Tensor:
    """Pad by ``crop`` on every side, cut out H × W at the offset, then mirror left to right: one gather.

    Args:
        images: (B, C, H, W), any dtype.
        offsets: integers (B, 2) in 0 … 2·crop, rows first; None with ``crop`` 0.
        mirrored: integers (B, 1), 0 or 1; None for no image.
        crop: pixels.
        fill: colour of the padding.

    Returns:
        (B, C, H, W).
    """
    height, width = images.shape[-2:]
    rows = torch.arange(height, device=images.device, dtype=torch.int32)[None]
    columns = torch.arange(width, device=images.device, dtype=torch.int32)[None]
    if mirrored is not None:
        columns = _mirror(columns, mirrored, width)
    if offsets is not None:
        rows, columns = rows + offsets[:, :1], columns + offsets[:, 1:]
    rows = rows.expand(len(images), height)
    return pick(bordered(images, crop, fill), rows[:, :, None], columns[:, None, :])


def draw_boxes(count: int, size: tuple[int, int], smallest: float, generator: torch.Generator) -> Tensor:
    """The boxes of torchvision's ``RandomResizedCrop(scale=(smallest, 1), ratio=(3/4, 4/3))``: int64 (B, 4).

    A box is (top, left, height, width), its ratio width / height. Where none of ten tries fits, it is the largest box
    in the middle whose ratio is allowed.
    """
    height, width = size
    # The rectangles' ratio is height / width; log-uniform between reciprocals, that is the same distribution.
    heights, widths, found = draw_rectangles(count, size, (smallest, 1.0), RATIO, generator)
    inside = min(max(width / height, RATIO[0]), RATIO[1])
    whole = (height, round(height * inside)) if width / height > inside else (round(width / inside), width)
    places = uniform(count, 2, generator)
    tops = whole_below(places[:, 0], height - heights.clamp(max=height) + 1)
    lefts = whole_below(places[:, 1], width - widths.clamp(max=width) + 1)
    drawn = torch.stack([tops, lefts, heights, widths], 1)
    middle = torch.tensor([(height - whole[0]) // 2, (width - whole[1]) // 2, *whole])
    return torch.where(found[:, None], drawn, middle)


def resize(images: Tensor, boxes: Tensor, mirrored: Tensor | None) -> Tensor:
    """Cut out each image's box, resize it to H × W by bilinear interpolation, then mirror left to right.

    A box is never larger than the image, so it is only ever enlarged, and the low-pass filter that "antialias" adds
    when shrinking never acts: two neighbours by axis are all that is needed. The box is cut out first, so its edge
    pixels are repeated outwards. Equals Pillow bit for bit: columns first, rounded to a grey level in between,
    weights in units of 2⁻²². torchvision's resize of tensors keeps floats in between: it differs by up to 1 level.

    Args:
        images: uint8 (B, C, H, W).
        boxes: integers (B, 4): top, left, height, width.
        mirrored: integers (B, 1), 0 or 1; None for no image.

    Returns:
        uint8 (B, C, H, W).
    """
    top, left, tall, wide = boxes.to(torch.int64).split(1, dim=1)
    height, width = images.shape[-2:]
    places = torch.arange(width, device=images.device)[None]
    near, far, weight = _neighbours(places if mirrored is None else _mirror(places, mirrored, width), width, left, wide)
    near, far = (t[:, None, None].expand(*images.shape[:3], width) for t in (near, far))
    across = _blend(images.gather(3, near), images.gather(3, far), weight[:, None, None]).flatten(0, 2)
    near, far, weight = _neighbours(torch.arange(height, device=images.device)[None], height, top, tall)
    starts = torch.arange(0, len(across), height, device=images.device).view(*images.shape[:2], 1)
    near, far = (across.index_select(0, (starts + t[:, None]).flatten()).view(images.shape) for t in (near, far))
    return _blend(near, far, weight[:, None, :, None])


def _neighbours(places: Tensor, size: int, first: Tensor, length: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The two pixels that each place i of ``size`` lies between, and the farther one's weight in 2⁻²²: each (B, size).

    Pixel centres: i lies at (i + 1/2) · length / size − 1/2 of the box, in whole numbers over 2 · size.
    """
    doubled = (2 * places + 1) * length - size
    near, rest = doubled.div(2 * size, rounding_mode="floor"), doubled.remainder(2 * size)
    weight = ((rest << BITS) + size).div(2 * size, rounding_mode="floor")
    last = length - 1
    return first + near.clamp(min=0).minimum(last), first + (near + 1).minimum(last), weight.to(torch.int32)


def _blend(near: Tensor, far: Tensor, weight: Tensor) -> Tensor:
    """Between the two, near + ((far − near) · weight + 2²¹) / 2²², rounded down: uint8."""
    near = near.to(torch.int32)
    step = far.to(torch.int32).sub_(near).mul_(weight).add_(1 << BITS - 1).bitwise_right_shift_(BITS)
    return step.add_(near).to(torch.uint8)


def _mirror(columns: Tensor, mirrored: Tensor, width: int) -> Tensor:
    return torch.where(mirrored.bool(), width - 1 - columns, columns)
