"""Patch association (2210.09221): whether what a patch looks at most is what it belongs together with.

Shapes: ``T`` patches. Scores (…, T, T) say how much patch i has to do with patch j: attention, its logits, or the
similarity of their position embeddings. What belongs together is a mask, bool (T, T).
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.errors import HeadstartError

__all__ = ["chance", "near_patches", "patch_association", "same_set"]


def same_set(sets: Tensor) -> Tensor:
    """Which patches share a set, bool (T, T), from the number of each patch's set, (T,)."""
    return sets[:, None] == sets[None, :]


def near_patches(grid: tuple[int, int], radius: float = 1.5) -> Tensor:
    """Which patches of a grid (h, w) lie within ``radius`` patches of each other, bool (h·w, h·w).

    1 gives the four neighbours, 1.5 the eight of a 3×3 window; a patch is near itself.

    >>> near_patches((1, 3), 1).int().tolist()
    [[1, 1, 0], [1, 1, 1], [0, 1, 1]]
    """
    if radius < 1:
        raise HeadstartError(f"radius must be at least 1 patch, else no patch has a neighbour; got {radius}.")
    h, w = grid
    places = torch.cartesian_prod(torch.arange(h), torch.arange(w)).double()
    return torch.cdist(places, places) <= radius


def patch_association(scores: Tensor, together: Tensor, *, itself: bool = False) -> Tensor:
    """Share of the patches that belong to i among the C_i that i scores highest, mean over patches: (…, T, T) → (…).

    (1/T) Σ_i |Top_{C_i}(scores_i) ∩ S_i| / C_i, with S_i = {j: together[i, j]} and C_i = |S_i|. One when each patch
    scores highest exactly what it belongs with, :func:`chance` for scores that know nothing. Equal scores share
    their places, as if ties were broken at random; rows with empty S_i are left out.

    Args:
        scores: how much i has to do with j.
        together: which belong together.
        itself: whether a patch counts as its own company. The paper does not say; its diagonal is in the set anyhow,
            and where it is large from the start, counting it gives any scores 1/C of the way for nothing.

    Raises :class:`~headstart.errors.HeadstartError` for masks of another shape and for scores that are no numbers.
    """
    if together.shape != scores.shape[-2:] or together.dtype != torch.bool:
        raise HeadstartError(
            f"together must be bool of shape {tuple(scores.shape[-2:])}, one for each pair of patches; got "
            f"{str(together.dtype).removeprefix('torch.')} of shape {tuple(together.shape)}."
        )
    if torch.isnan(scores).any():
        raise HeadstartError("scores must be numbers, got NaN.")
    near, values = together.to(scores.device), scores.double()
    if not itself:
        diagonal = torch.eye(len(near), dtype=torch.bool, device=scores.device)
        near, values = near & ~diagonal, values.masked_fill(diagonal, -torch.inf)
    count = near.sum(-1)
    last = (count - 1).clamp(min=0).expand(values.shape[:-1])[..., None]
    threshold = values.sort(dim=-1, descending=True).values.gather(-1, last)  # the lowest score that has a place
    above, tied = values > threshold, values == threshold
    left = count - above.sum(-1)
    hits = (above & near).sum(-1) + left * (tied & near).sum(-1) / tied.sum(-1).clamp(min=1)
    rows = count > 0
    return (hits / count.clamp(min=1))[..., rows].mean(-1)


def chance(together: Tensor, *, itself: bool = False) -> float:
    """The association of scores that know nothing: mean of C_i / T, or without themselves C_i / (T − 1)."""
    return patch_association(torch.zeros(together.shape), together, itself=itself).item()
