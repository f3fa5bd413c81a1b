"""The one gain per head that gives the attention asked for.

Scaling Q and K by √g multiplies a head's logits by g: attention goes from uniform (g = 0) to its argmax (g → ∞). A
relative bias, or constant queries, are scaled in the same way beside logits that stay.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from headstart.attention import BlockView
from headstart.errors import HeadstartError

__all__ = ["at", "check_sharpness", "few", "fit_gain", "per_block"]

Logits = Callable[[int, Tensor], "tuple[Tensor | None, Tensor]"]

_STEPS = 30
_TOLERANCE = 1e-5  # of the mean mass
_LOGITS = 2**20  # per head, shared among the images: more change the mean mass by less than it varies between images
_ROWS = 8  # of each image, at least


@dataclass(frozen=True)
class _Mass:
    """The target mass of one head as a function of its gain, and the size of the logits that the gain multiplies."""

    at: Callable[[float], float]
    size: float


def check_sharpness(value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1:
        raise HeadstartError(
            "sharpness is the attention a head gives its target patch, a number strictly between 0 and 1; "
            f"got {value!r}."
        )


def per_block(sharpness: float | tuple[float, ...], blocks: int) -> list[float]:
    """One sharpness for each block, checked."""
    values = list(sharpness) if isinstance(sharpness, (tuple, list)) else [sharpness] * blocks
    if len(values) != blocks:
        raise HeadstartError(f"sharpness must be one number or one for each of the {blocks} blocks; got {len(values)}.")
    for value in values:
        check_sharpness(value)
    return [float(value) for value in values]


def few(x: Tensor, windows: int = 1) -> Tensor:
    """As many of the inputs ``x`` (n, N, D) as the fit needs, whole images of ``windows`` each, in float64."""
    count = max(1, _LOGITS // (_ROWS * x.shape[1]) // windows) * windows
    return x[:count].double()


def fit_gain(
    logits: Logits, count: int, block: BlockView, targets: Tensor, sharpness: float, *, shared: bool = False
) -> Tensor:
    """The gain g (H,) with which the mean target mass is ``sharpness``.

    ``logits(h, rows)`` gives two parts for head h and the tokens ``rows``, each (n, r, N) or less that broadcasts:
    attention is softmax(fixed + g·unit), and the mass mean 1 / Σ_j exp(l_pj − l_pt) of these logits l over ``count``
    inputs and patch rows p with a target t in the grid (``targets``, (H, T)) that the block's mask does not hide. Of
    many inputs only some rows are taken, since images differ more than rows do, other ones of each input: ``rows`` is
    (count, r), or (1, r) for the same of all; :func:`at` picks them. The bracket grows by doubling and false position
    closes it. Where the mass stops growing before it reaches ``sharpness`` (another patch beats the target in too many
    rows), the gain of the highest mass found is returned. ``shared``: one gain for all heads, for their mean mass.
    """
    step = -(-count * block.patches * (block.prefix + block.patches) // _LOGITS)
    heads = []
    for head, target in enumerate(targets.to(block.device)):
        rows = (target >= 0).nonzero()[:, 0]
        if step > 1 and block.mask is not None:  # windows hide different rows: the same ones of all
            rows = rows[:: step + 1 - step % 2][None]
        elif step > 1:
            first = torch.arange(count, device=rows.device)[:, None] % step
            rows = rows[(first + step * torch.arange(-(-len(rows) // step), device=rows.device)) % len(rows)]
        else:
            rows = rows[None]
        heads.append(_below(*logits(head, rows + block.prefix), rows, target, block))
    groups = [heads] if shared else [[head] for head in heads]
    gains = [_fit(group, sharpness) for group in groups]
    return torch.tensor(gains, dtype=torch.float64, device=block.device).expand(len(heads))


def at(part: Tensor, rows: Tensor) -> Tensor:
    """Rows (n, r, C) of ``part`` (n, N, C): the same of all inputs for ``rows`` (1, r), each its own for (n, r)."""
    if len(rows) == 1:
        return part[:, rows[0]]
    return part.gather(1, rows[..., None].expand(-1, -1, part.shape[-1]))


def _below(fixed: Tensor | None, unit: Tensor, rows: Tensor, targets: Tensor, block: BlockView) -> _Mass:
    columns = targets[rows] + block.prefix  # (n or 1, r)

    def against_target(part: Tensor) -> Tensor:
        part = part.reshape(-1, *part.shape[-2:])
        return part - part.gather(-1, columns.expand(len(part), -1)[..., None])

    below = against_target(unit)
    extra = None if fixed is None else against_target(fixed)
    shown: Tensor | None = None
    if block.mask is not None:
        shown = block.visible()[:, rows[0] + block.prefix, columns[0]].to(below)
        count = max(len(below), 1 if extra is None else len(extra))
        shown = shown.repeat(max(1, count // len(shown)), 1)

    def mass(gain: float) -> float:
        relative = below * gain if extra is None else below * gain + extra
        share = relative.exp_().sum(-1).reciprocal()
        if shown is not None:
            times = shown.sum(0)  # that each row shows its target; rows count alike, as in target_mass
            return ((share * shown).sum(0) / times.clamp(min=1))[times > 0].mean().item()
        return share.mean().item()

    return _Mass(mass, below.abs().mean().item())


def _fit(heads: list[_Mass], sharpness: float) -> float:
    def miss(gain: float) -> float:
        return sum(head.at(gain) for head in heads) / len(heads) - sharpness

    high = 1 / max(sum(head.size for head in heads) / len(heads), 1e-12)
    low, miss_low, miss_high = 0.0, miss(0.0), miss(high)
    if miss_low >= 0:  # less was asked for than even attention gives; not zero, from where Q and K could not be trained
        return 1e-3 * high
    best = max((miss_low, low), (miss_high, high))
    for _ in range(_STEPS):
        if miss_high >= 0:
            break
        low, miss_low, high = high, miss_high, 2 * high
        miss_high = miss(high)
        if miss_high > best[0] + _TOLERANCE:  # of gains that do alike, the smallest
            best = (miss_high, high)
    else:
        return best[1]
    side = 0
    for _ in range(_STEPS):  # false position, halving the end that stays (the Illinois rule)
        middle = (low * miss_high - high * miss_low) / (miss_high - miss_low)
        now = miss(middle)
        if abs(now) < _TOLERANCE:
            break
        if now < 0:
            low, miss_low, miss_high, side = middle, now, miss_high / (2 if side < 0 else 1), -1
        else:
            high, miss_high, miss_low, side = middle, now, miss_low / (2 if side > 0 else 1), 1
    return middle
