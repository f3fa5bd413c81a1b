"""Muon: momentum whose every matrix is made orthogonal before it is applied.

Shapes: ``A`` outputs, ``B`` inputs of a linear map.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

__all__ = ["Muon", "orthogonalized"]

# Of the quintic X ← aX + bXXᵀX + c(XXᵀ)²X: they bring singular values near one in five steps, not exactly to one.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
STEPS = 5


def orthogonalized(matrices: Tensor) -> Tensor:
    """Each (A, B) matrix of a batch (n, A, B) with its singular values pushed to about one (0.7 to 1.2).

    Five Newton-Schulz steps, in bfloat16 on a GPU and in the matrices' own type elsewhere.
    """
    a, b, c = COEFFICIENTS
    x = matrices.bfloat16() if matrices.is_cuda else matrices
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Muon (Jordan et al., 2024) for the weight matrices of linear maps.

    ``m ← μ·m + (1 − μ)·g``; ``u = orthogonalized((1 − μ)·g + μ·m)``; ``w ← (1 − lr·wd)·w − lr·0.2·√max(A, B)·u``.
    The factor gives an update the root mean square of AdamW's, about 0.2 (2502.16982), so that learning rate and weight
    decay keep their meaning.

    Differs from :class:`torch.optim.Muon` in this: matrices of one shape go through the iteration as one batch, which
    on small models saves most of the launches; it runs on CPUs that lack bfloat16; and a fused map whose outputs are
    ``pieces`` times its inputs (queries, keys and values) is taken as that many matrices.

    Args:
        params: matrices (A, B), or groups of them with the options below.
        lr: learning rate; a tensor () in a recorded step.
        momentum: μ.
        weight_decay: wd, decoupled.
        pieces: into how many matrices each one is cut along its outputs.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        pieces: int = 1,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "pieces": pieces})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step for every matrix that has a gradient."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            weights = sorted((w for w in group["params"] if w.grad is not None), key=lambda w: tuple(w.shape))
            for _, alike in groupby(weights, key=lambda w: w.shape):
                self._update(list(alike), group)
        return loss

    def _update(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        mu, lr, pieces = group["momentum"], group["lr"], group["pieces"]
        gradients = [weight.grad for weight in weights if weight.grad is not None]  # all of them: see step
        for weight in weights:
            if not self.state[weight]:
                self.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
        momenta = [self.state[weight]["momentum_buffer"] for weight in weights]
        torch._foreach_lerp_(momenta, gradients, 1 - mu)
        ahead = torch.stack(torch._foreach_lerp(gradients, momenta, mu))
        outputs, inputs = weights[0].shape
        matrices = ahead.view(-1, outputs // pieces, inputs)
        size = 0.2 * math.sqrt(max(outputs // pieces, inputs))
        updates = orthogonalized(matrices).view_as(ahead)
        torch._foreach_mul_(weights, 1 - lr * group["weight_decay"])
        torch._foreach_add_(weights, list((updates * (-lr * size)).unbind()))
