"""What a student learns from a CNN: its logits, and its maps, which tokens are to agree with.

Shapes: ``B`` images, ``K`` classes, ``N`` tokens, ``n`` places of a map, ``C`` channels.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

__all__ = ["distilled", "feature_loss", "shortened"]


def distilled(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T² · KL(softmax(teacher / T) ‖ softmax(student / T)), the mean over images; no gradient reaches the teacher.

    Args:
        student: logits (B, K).
        teacher: logits (B, K).
        temperature: T; T² keeps the gradient's size about the same for all T (1503.02531).
    """
    wanted = F.log_softmax(teacher.detach().float() / temperature, dim=1)
    given = F.log_softmax(student.float() / temperature, dim=1)
    return temperature**2 * F.kl_div(given, wanted, reduction="batchmean", log_target=True)


def shortened(sequence: Tensor, length: int) -> Tensor:
    """A sequence (B, n, C), averaged in windows to (B, ``length``, C); windows overlap where ``length`` divides not n.

    A map row by row is averaged along its rows so, not in squares.
    """
    count = sequence.shape[1]
    if count == length:
        return sequence
    if count % length == 0:
        return sequence.unflatten(1, (length, count // length)).mean(dim=2)
    return F.adaptive_avg_pool1d(sequence.transpose(1, 2), length).transpose(1, 2)


def feature_loss(tokens: Tensor, map_: Tensor) -> Tensor:
    """Mean over images, places and channels of (LN(x) − LN(y))², both averaged to the shorter of their lengths.

    LN is LayerNorm over channels without weights. No gradient reaches the map.

    Args:
        tokens: x, of the grid alone, (B, N, C).
        map_: y before it is flattened row by row, (B, C, height, width).
    """
    theirs = map_.detach().flatten(2).transpose(1, 2)
    length = min(tokens.shape[1], theirs.shape[1])
    mine, theirs = (F.layer_norm(shortened(each, length).float(), each.shape[-1:]) for each in (tokens, theirs))
    return F.mse_loss(mine, theirs)
