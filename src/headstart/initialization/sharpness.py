"""The one gain per head that gives the attention asked for.

Scaling Q and K by √g multiplies a head's logits by g: attention goes from uniform (g = 0) to its argmax (g → ∞).
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.attention import BlockView
from headstart.errors import HeadstartError

__all__ = ["check_sharpness", "fit_gain", "per_block"]

_STEPS = 30
_TOLERANCE = 1e-5  # of the mean mass
_LOGITS = 2**22  # per head: more images than that needs change the mean mass by less than it varies between images


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


def fit_gain(
    x: Tensor, q: Tensor, k: Tensor, targets: Tensor, sharpness: float, block: BlockView, prefix: int
) -> Tensor:
    """The gain g (H,) with which the mean target mass on inputs ``x`` is ``sharpness``.

    The mass of a head is mean 1 / Σ_j exp(g·(l_pj − l_pt)) over images and patch rows p with a target t in the grid; l
    are the logits of ``q``, ``k`` (H, D, R), ``x`` is (n, N, D), ``targets`` (H, T). The bracket grows by doubling and
    false position closes it. Where the mass stops growing before it reaches ``sharpness`` (another patch beats the
    target in too many rows), the gain of the highest mass found is returned.
    """
    x = x[: max(1, _LOGITS // x.shape[1] ** 2)].double()
    gains = []
    for head, target in enumerate(targets.to(x.device)):
        logits = (x @ q[head]) @ (x @ k[head]).transpose(-1, -2) * block.scale
        gains.append(_fit_head(logits, target, sharpness, prefix))
    return torch.tensor(gains, dtype=torch.float64, device=x.device)


def _fit_head(logits: Tensor, targets: Tensor, sharpness: float, prefix: int) -> float:
    rows = (targets >= 0).nonzero()[:, 0]
    logits = logits[:, rows + prefix]  # (n, rows, N)
    columns = (targets[rows] + prefix).expand(len(logits), -1)[..., None]
    below = logits - logits.gather(-1, columns)

    def miss(gain: float) -> float:
        return (below * gain).exp().sum(-1).reciprocal().mean().item() - sharpness

    high = 1 / below.abs().mean().clamp(min=1e-12).item()
    low, miss_low, miss_high = 0.0, miss(0.0), miss(high)
    if miss_low >= 0:  # less was asked for than even attention gives; not zero, from where Q and K could not be trained
        return 1e-3 * high
    best = max((miss_low, low), (miss_high, high))
    for _ in range(_STEPS):
        if miss_high >= 0:
            break
        low, miss_low, high = high, miss_high, 2 * high
        miss_high = miss(high)
        best = max(best, (miss_high, high))
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
