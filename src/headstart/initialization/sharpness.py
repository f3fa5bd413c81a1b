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
    is then halved. Where the mass stops growing before it reaches ``sharpness`` (another patch beats the target in too
    many rows), the gain of the highest mass found is returned.
    """
    x = x[: max(1, _LOGITS // x.shape[1] ** 2)].double()
    return torch.stack(
        [
            _fit_head(
                (x @ q[h]) @ (x @ k[h]).transpose(-1, -2) * block.scale,
                targets[h].to(x.device),
                sharpness,
                prefix,
            )
            for h in range(len(q))
        ]
    )


def _fit_head(logits: Tensor, targets: Tensor, sharpness: float, prefix: int) -> Tensor:
    rows = (targets >= 0).nonzero()[:, 0]
    logits = logits[:, rows + prefix]  # (n, rows, N)
    columns = (targets[rows] + prefix).expand(len(logits), -1)[..., None]
    below = logits - logits.gather(-1, columns)

    def mass(gain: Tensor) -> Tensor:
        return (below * gain).exp().sum(-1).reciprocal().mean()

    gain = 1 / below.abs().mean().clamp(min=1e-12)
    low, best, best_mass = torch.zeros_like(gain), gain, mass(gain)
    for _ in range(_STEPS):
        now = mass(gain)
        if now > best_mass:
            best, best_mass = gain, now
        if now >= sharpness:
            break
        low, gain = gain, gain * 2
    else:
        return best
    high = gain
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if mass(middle) < sharpness else (low, middle)
        if high - low < 1e-4 * high:
            break
    return (low + high) / 2
