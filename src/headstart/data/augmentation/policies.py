"""Which operation each image gets: RandAugment, TrivialAugment, 3-Augment, colour jitter.

Shapes: B images; H rows, W columns.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from headstart.data.augmentation import affine, blur
from headstart.data.augmentation.kinds import BLENDS, TABLES, Kind
from headstart.data.augmentation.rectangles import uniform, whole_below

__all__ = ["JITTERS", "THREE", "WIDE", "Setting", "draw_jitter", "draw_policy", "draw_three", "settings"]

LEVELS = 31
WIDE = frozenset({Kind.IDENTITY, Kind.MOVE}) | BLENDS | TABLES
THREE = frozenset({Kind.COLOR, Kind.SOLARIZE, Kind.BLUR})
JITTERS = frozenset({Kind.BRIGHTNESS, Kind.CONTRAST, Kind.COLOR})


@dataclass(frozen=True)
class Setting:
    """One operation at one magnitude. What a kind does not use is such that the operation leaves the image alone."""

    kind: Kind
    factor: float = 1.0
    mask: int = 255
    threshold: int = 256
    matrix: affine.Matrix = affine.IDENTITY


def settings(policy: str, magnitude: float, size: tuple[int, int]) -> list[Setting]:
    """All that a policy chooses from, equally likely, with torchvision's operations, ranges and signs.

    RandAugment (1909.13719): 14 operations at one magnitude of 30, with either sign where it has one. TrivialAugment
    (2103.10158), wide ranges: 14 operations at 31 magnitudes and two signs. Where a sign or a magnitude changes
    nothing, the setting is listed as often as the others, so that operations are equally likely.

    Args:
        policy: "randaugment" or "trivialaugment".
        magnitude: 0 to 30, for RandAugment alone; between whole numbers, the range is interpolated.
        size: (H, W). RandAugment translates by up to 150/331 of the side, TrivialAugment by up to 32 pixels whatever
            the size: out of sight at 32 × 32.
    """
    if policy == "randaugment":
        reach = (150.0 / 331.0 * size[1], 150.0 / 331.0 * size[0])
        return _at(magnitude, size, shear=0.3, reach=reach, degrees=30.0, factor=0.9, bits=4)
    wide = {"shear": 0.99, "reach": (32.0, 32.0), "degrees": 135.0, "factor": 0.99, "bits": 6}
    return [setting for level in range(LEVELS) for setting in _at(level, size, **wide)]  # type: ignore[arg-type]


def _at(
    level: float,
    size: tuple[int, int],
    *,
    shear: float,
    reach: tuple[float, float],
    degrees: float,
    factor: float,
    bits: int,
) -> list[Setting]:
    """The 14 operations at one level, each with a plus and with a minus."""
    angle = _part(0.0, degrees, level)
    lean, strength = _part(0.0, shear, level), _part(0.0, factor, level)
    x, y = _part(0.0, reach[0], level), _part(0.0, reach[1], level)
    # Half to even, in float32, as torch.round on torch.arange: 8 bits down to 8 − bits.
    left = 8 - int((torch.tensor(level, dtype=torch.float32) / ((LEVELS - 1) / bits)).round())
    found = []
    for sign in (1, -1):
        found += [Setting(Kind.IDENTITY), Setting(Kind.AUTOCONTRAST), Setting(Kind.EQUALIZE)]
        found += [
            Setting(Kind.MOVE, matrix=matrix)
            for matrix in (
                affine.shear(sign * lean, 0.0),
                affine.shear(0.0, sign * lean),
                affine.translation(sign * x, 0.0),
                affine.translation(0.0, sign * y),
                affine.rotation(sign * angle, size),
            )
        ]
        found += [Setting(kind, factor=1.0 + sign * strength) for kind in sorted(BLENDS)]
        found.append(Setting(Kind.POSTERIZE, mask=256 - (1 << 8 - left)))
        # Levels are whole numbers: below a threshold is below the next whole one.
        found.append(Setting(Kind.SOLARIZE, threshold=int(-(-_part(255.0, 0.0, level) // 1))))
    return found


def _part(start: float, end: float, level: float) -> float:
    """The value at a level of ``torch.linspace(start, end, 31)``, whose float32 rounding ``int`` can tell."""
    values = torch.linspace(start, end, LEVELS)
    below = int(level)
    if level == below:
        return float(values[below])
    return float(values[below].lerp(values[below + 1], level - below))


@functools.lru_cache(maxsize=16)
def _tabled(policy: str, magnitude: float, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The settings as int64 (n, 9): kind, mask, threshold, matrix; and factors (n, 1)."""
    found = settings(policy, magnitude, size)
    whole = torch.tensor([[s.kind, s.mask, s.threshold, *s.matrix] for s in found])
    return whole, torch.tensor([[s.factor] for s in found], dtype=torch.float64)


def draw_policy(
    count: int, policy: str, magnitude: float, size: tuple[int, int], generator: torch.Generator
) -> dict[str, Tensor]:
    """One round of RandAugment or TrivialAugment: a setting for each image, each (B, k)."""
    whole, factors = _tabled(policy, magnitude, size)
    drawn = whole_below(uniform(count, 1, generator)[:, 0], len(whole))
    chosen = whole[drawn]
    return {
        "kind": chosen[:, :1],
        "mask": chosen[:, 1:2],
        "threshold": chosen[:, 2:3],
        "matrix": chosen[:, 3:],
        "factor": factors[drawn],
    }


def draw_three(count: int, generator: torch.Generator) -> dict[str, Tensor]:
    """One round of 3-Augment (DeiT III, 2204.07118): grey, solarized from 128 on, or blurred, equally likely.

    The blur's standard deviation is uniform in [0.1, 2] pixels whatever the image's size, as in the released code.
    """
    drawn = uniform(count, 2, generator)
    choice = whole_below(drawn[:, :1], 3)
    kind = torch.tensor([Kind.COLOR, Kind.SOLARIZE, Kind.BLUR])[choice]
    weights = blur.blur_weights(0.1 + (blur.REACH - 0.1) * drawn[:, 1])
    return {
        "kind": kind,
        "mask": torch.full_like(kind, 255),
        "threshold": torch.where(kind == Kind.SOLARIZE, 128, 256),
        "factor": torch.where(kind == Kind.COLOR, 0.0, 1.0),
        "weights": torch.where(kind == Kind.BLUR, weights, torch.tensor(blur.NO_BLUR)),
    }


def draw_jitter(count: int, strength: float, generator: torch.Generator) -> list[dict[str, Tensor]]:
    """Three rounds: brightness, contrast and colour in an order of the image's own, as torchvision's ``ColorJitter``.

    Factors are uniform in [1 − strength, 1 + strength], at least 0. (Its hue is not among them.)
    """
    order = uniform(count, 3, generator).argsort(1)
    kinds = torch.tensor(sorted(JITTERS))[order]
    least = max(0.0, 1 - strength)
    factors = least + (1 + strength - least) * uniform(count, 3, generator)
    return [{"kind": kinds[:, r : r + 1], "factor": factors[:, r : r + 1]} for r in range(3)]
