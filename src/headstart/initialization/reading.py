"""How a token's position is read from what a block receives: by ridge regression or by discriminants.

Shapes: ``T`` patches, ``N`` tokens, ``D`` width, ``H`` heads, ``C`` channels of a code.
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.errors import HeadstartError

__all__ = ["discriminate", "ridge"]


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """XᵀX/n (D, D) over all n tokens of ``x`` (images, N, D), and the mean at each position (N, D); float64."""
    flat = x.double().flatten(0, 1)
    return flat.T @ flat / len(flat), x.double().mean(0)


def _solve(gram: Tensor, cross: Tensor, strength: float) -> Tensor:
    lam = strength * gram.diagonal().mean()
    return torch.cholesky_solve(cross, torch.linalg.cholesky(gram + lam * torch.eye(len(gram)).to(gram)))


def ridge(x: Tensor, z: Tensor, strength: float = 1e-3) -> Tensor:
    """Ridge regression (XᵀX/n + λI)⁻¹ XᵀZ/n of targets ``z`` (…, N, C) on inputs ``x`` (images, N, D): (…, D, C).

    λ is ``strength`` times the mean of XᵀX/n's diagonal; float64, one Cholesky factor.
    """
    gram, means = _moments(x)
    return _solve(gram, means.T @ z.to(gram) / len(means), strength)


def discriminate(x: Tensor, targets: Tensor, prefix: int, channels: int) -> tuple[Tensor, Tensor]:
    """Q and K (H, D, C) that find targets by whatever tells positions apart in inputs ``x`` (images, N, D).

    Linear discriminant analysis, each patch position a class with mean m_t: K projects on the C − 1 directions in
    which the means differ most against the covariance within a position (the images' content, and the tokens' varying
    scale), which it whitens. Q carries a row's own code c_p = m_p @ K to its target's by ridge regression of c_t(p) on
    c_p over the positions that have a target (``targets`` (H, T), −1 for none). The last channel holds the
    discriminant's constant, −½‖c_j‖² read from token j, against a one read from row p. Prefix tokens count as content,
    so that no row is drawn to them.

    Raises :class:`~headstart.errors.HeadstartError` for a single channel, which would be the constant's.
    """
    if channels < 2:
        raise HeadstartError(
            "a head of 1 channels cannot carry a position code; use fewer heads, each with at least 2."
        )
    gram, means = _moments(x)
    patches = means[prefix:]
    centre = patches.mean(0)
    # Covariance within positions: all second moments about the centre, less those of the patch means.
    shift = means.mean(0)
    about = gram - torch.outer(shift, centre) - torch.outer(centre, shift) + torch.outer(centre, centre)
    within = about - (patches - centre).T @ (patches - centre) / len(means)
    # The second floor is for images all alike, of which one alone is a case: then nothing but round-off is within.
    within.diagonal().add_(max(1e-6 * within.diagonal().mean(), 1e-11 * about.diagonal().mean()))
    factor = torch.linalg.cholesky(within)
    whitened = torch.linalg.solve_triangular(factor, (patches - centre).T, upper=False)
    directions = torch.linalg.svd(whitened, full_matrices=False)[0][:, : channels - 1]
    keys = torch.linalg.solve_triangular(factor.T, directions, upper=True)
    code = (patches - centre) @ keys
    # One linear reading of "one" and of the constant; tokens in front of the grid read zero.
    scalars = torch.stack([torch.ones_like(code[:, 0]), -0.5 * code.square().sum(1)], 1)
    scalars = torch.cat([scalars.new_zeros(prefix, 2), scalars])
    one, constant = _solve(gram, means.T @ scalars / len(means), 1e-4).unsqueeze(1).unbind(-1)
    own = keys - one @ (centre @ keys)[None]
    queries = []
    for target in targets.to(x.device):
        rows = (target >= 0).nonzero()[:, 0]
        # K whitens, so a row reads its code with noise of unit variance: that is the ridge.
        gram = code[rows].T @ code[rows] + len(rows) * torch.eye(code.shape[1]).to(code)
        carry = torch.linalg.solve(gram, code[rows].T @ code[target[rows]])
        queries.append(torch.cat([own @ carry, one], 1))
    return torch.stack(queries), torch.cat([keys, constant], 1).expand(len(queries), -1, -1)
