"""The released closed form of 2505.19985: target logits through the embedding's pseudo-inverse.

Shapes: ``T`` patches, ``D`` width, ``H`` heads, ``R`` head dim.
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.initialization.draw import Draw
from headstart.initialization.values import split

__all__ = ["GAIN", "NOISE_STD", "POSITION_STD", "draw_noise", "pseudoinverse_qk"]

TARGET_LOGIT = 1000.0
NOISE_SCALE = 3.0  # on the logits of all other patches
NOISE_STD = 0.6  # of a normal cut at ±2
GAIN = 7.0  # of Q and of K, after both are divided by their Frobenius norms
POSITION_STD = 0.36  # the released code multiplies timm's embedding, std 0.02, by 18
# A direction of the embedding with less than this share of the largest squared singular value is rounding error.
TOLERANCE = 1e-6
CUT_LOGIT = 20.0  # the largest logit where directions were cut: the norms above presume a full set


def draw_noise(heads: int, patches: int, draw: Draw) -> Tensor:
    """ε (H, T, T): normal of std 0.6 cut at ±2, by inversion of its distribution function."""
    uniform = draw.uniform(heads, patches, patches)
    edge = torch.special.ndtr(torch.tensor(2 / NOISE_STD, dtype=torch.float64))
    return torch.special.ndtri(0.5 + (edge.to(uniform) - 0.5) * uniform) * NOISE_STD


def pseudoinverse_qk(position: Tensor, targets: Tensor, rank: int, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Q, K (H, D, R) with Q_h K_hᵀ the best rank-R part of P⁺ L_h P⁺ᵀ, each of Frobenius norm 7.

    ``position`` (T, D) is the embedding without prefix rows; P is its LayerNorm without affine. The target logits L_h
    are 1000 on the target and 3ε elsewhere; a row whose target (``targets``, (H, T), −1) lies outside has none. P⁺ =
    (PᵀP)⁺Pᵀ keeps the R largest singular values of PᵀP.

    Differs from the released code in one point: of those R, directions below 1e-6 of the largest are dropped. With a
    random embedding none is. A sin-cos embedding has a numerical rank near 25: there the released code inverts
    rounding error and its heads attend uniformly; here Q and K are scaled so that their largest logit is 20 instead of
    by their norms.
    """
    p = torch.nn.functional.layer_norm(position.double(), position.shape[1:])
    u, s, vh = torch.linalg.svd(p.T @ p)
    kept = min(rank, int((s > TOLERANCE * s[0]).sum()))
    inverse = (vh[:kept].T / s[:kept]) @ u[:, :kept].T @ p.T  # (D, T)
    logits = NOISE_SCALE * noise.double()
    hit = torch.nn.functional.one_hot(targets.clamp(min=0), p.shape[0]).bool() & (targets >= 0)[..., None]
    logits = logits.masked_fill(hit.to(logits.device), TARGET_LOGIT)
    q, k = split(inverse @ logits @ inverse.T, rank)
    k = k.transpose(-1, -2)
    if kept < rank:
        largest = ((p @ q) @ (p @ k).transpose(-1, -2)).amax(dim=(1, 2), keepdim=True) * rank**-0.5
        return q * (CUT_LOGIT / largest).sqrt(), k * (CUT_LOGIT / largest).sqrt()
    q, k = (GAIN * m / torch.linalg.matrix_norm(m, keepdim=True) for m in (q, k))
    return q, k
