"""Mixup (1710.09412) and CutMix (1905.04899) between neighbours, each image with its own weight.

Shapes: B images, C channels, H rows, W columns.
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.data.augmentation.erasing import inside
from headstart.data.augmentation.rectangles import uniform, whole_below

__all__ = ["draw_mixing", "mix_images", "mix_labels"]


def draw_mixing(
    count: int, size: tuple[int, int], mixup: float, cutmix: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """How each image is mixed with its partner.

    λ ~ Beta(α, α). Mixup keeps λ of every pixel. CutMix keeps all of the image but a box of (1 − λ) of its area, cut at
    the edges and centred uniformly, whose pixels are the partner's; λ is then what the box really leaves. When both
    are on, each image has one of them, with probability 1/2.

    Args:
        count: B.
        size: (H, W).
        mixup: α, or 0 for none.
        cutmix: likewise.
        generator: on the CPU.

    Returns:
        (shares, boxes): float64 (B, 2), the own share of each pixel outside the box and of the label;
        int64 (B, 4), (top, left, height, width) of the box, empty for mixup.
    """
    height, width = size
    drawn = uniform(count, 3, generator)
    cuts = drawn[:, 0] < (0.5 if mixup and cutmix else float(cutmix > 0))
    lam = torch.where(cuts, _beta(count, cutmix, generator), _beta(count, mixup, generator))
    side = (1 - lam).sqrt()
    tall, wide = (height * side).long(), (width * side).long()
    top, left = whole_below(drawn[:, 1], height) - tall // 2, whole_below(drawn[:, 2], width) - wide // 2
    bottom, right = (top + tall // 2 * 2).clamp(max=height), (left + wide // 2 * 2).clamp(max=width)
    top, left = top.clamp(min=0), left.clamp(min=0)
    boxes = torch.stack([top, left, bottom - top, right - left], 1) * cuts[:, None]
    kept = 1 - (boxes[:, 2] * boxes[:, 3]).double() / (height * width)
    return torch.stack([lam.where(~cuts, 1.0), kept.where(cuts, lam)], 1), boxes


def _beta(count: int, alpha: float, generator: torch.Generator) -> Tensor:
    """Beta(α, α) as G / (G + G') of two gamma draws: float64 (B,). Without α, ones, and nothing is drawn."""
    if not alpha:
        return torch.ones(count, dtype=torch.float64)
    first, second = torch._standard_gamma(torch.full((2, count), alpha, dtype=torch.float64), generator=generator)
    # At tiny α both may round to 0; the limit is 0 or 1, and an unmixed image does no harm.
    return (first / (first + second)).nan_to_num(1.0)


def mix_images(images: Tensor, shares: Tensor, boxes: Tensor) -> Tensor:
    """Mixed images: share · image + (1 − share) · partner, and the partner alone in the box: float (B, C, H, W).

    Args:
        images: float (B, C, H, W).
        shares: float32 (B, 2); of the first column.
        boxes: int32 (B, 4).
    """
    other = partners(images)
    share = alone(shares[:, :1], len(images)).to(images.dtype)[:, :, None, None]
    return torch.where(inside(boxes, images.shape[-2:]), other, images * share + other * (1 - share))


def mix_labels(labels: Tensor, shares: Tensor, classes: int) -> Tensor:
    """Mixed labels: share · one-hot of the label + (1 − share) · one-hot of the partner's: float32 (B, classes)."""
    share = alone(shares[:, 1:], len(labels))
    targets = torch.zeros(len(labels), classes, device=labels.device)
    targets.scatter_add_(1, labels[:, None], share)
    return targets.scatter_add_(1, partners(labels)[:, None], 1 - share)


def partners(rows: Tensor) -> Tensor:
    """Row i ^ 1: pairs 0–1, 2–3, …; the last of an odd number is its own."""
    even = len(rows) - len(rows) % 2
    swapped = rows[:even].unflatten(0, (-1, 2)).flip(1).flatten(0, 1) if even else rows[:0]
    return swapped if even == len(rows) else torch.cat([swapped, rows[even:]])


def alone(shares: Tensor, count: int) -> Tensor:
    """The shares, but 1 for the last of an odd number, which has no partner: (B, 1)."""
    return shares if count % 2 == 0 else torch.cat([shares[:-1], torch.ones_like(shares[-1:])])
