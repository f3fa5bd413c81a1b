"""The released optimiser of 2401.12511 and 2404.01139: fit each head's attention to its target by Adam.

Shapes: ``T`` patches, ``D`` width, ``H`` heads, ``R`` head dim.
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.errors import unknown
from headstart.initialization.draw import Draw

__all__ = ["PSEUDO_INPUTS", "draw_start", "gradient_qk", "pseudo_input"]

PSEUDO_INPUTS = ("position", "uniform", "gaussian")


def pseudo_input(kind: str, position: Tensor, draw: Draw) -> Tensor:
    """What stands in for a block's input while solving, (T, D): one of PSEUDO_INPUTS or a sum, ``position+gaussian``.

    "position" is the embedding, "uniform" and "gaussian" are noise of its root mean square.
    """
    scale = position.square().mean().sqrt()
    total = torch.zeros_like(position)
    for part in kind.split("+"):
        if part not in PSEUDO_INPUTS:
            raise unknown("pseudo-input", part, PSEUDO_INPUTS)
        if part == "position":
            total = total + position
        elif part == "uniform":
            total = total + draw.uniform(*position.shape) * 3**0.5 * scale
        else:
            total = total + draw.normal(*position.shape) * scale
    return total


def draw_start(heads: int, width: int, rank: int, draw: Draw) -> tuple[Tensor, Tensor]:
    """Q, K (H, D, R) uniform in ±√(1/(R·H))."""
    bound = (1 / (rank * heads)) ** 0.5
    return draw.uniform(heads, width, rank) * bound, draw.uniform(heads, width, rank) * bound


def gradient_qk(
    x: Tensor,
    targets: Tensor,
    q: Tensor,
    k: Tensor,
    scale: float,
    steps: int = 10_000,
    lr: float = 1e-4,
    renormalize: int = 100,
) -> tuple[Tensor, Tensor]:
    """Adam on mean (softmax(scale · x Q Kᵀ xᵀ) − target)² from the start ``q``, ``k`` (H, D, R), all heads at once.

    ``x`` (T, D) is the pseudo-input, ``targets`` (H, T) the target patches (a row with −1 is pulled to zero
    everywhere).
    Every ``renormalize`` steps, the first included, the columns of Q (length D) and the rows of K's transpose
    (length R, one for each of the D channels) are rescaled to the mean norm that Q's columns had at the start.
    """
    x = x.double()
    target = torch.nn.functional.one_hot(targets.clamp(min=0), x.shape[0]).to(x) * (targets >= 0)[..., None].to(x)
    wq, wk = (w.detach().double().clone().requires_grad_() for w in (q, k))
    norm = wq.detach().norm(dim=1).mean()
    optimizer = torch.optim.Adam([wq, wk], lr=lr)
    with torch.enable_grad():
        for step in range(steps):
            if step % renormalize == 0:
                with torch.no_grad():
                    wq.mul_(norm / wq.norm(dim=1, keepdim=True))
                    wk.mul_(norm / wk.norm(dim=2, keepdim=True))
            attention = torch.softmax(scale * (x @ wq) @ (x @ wk).transpose(-1, -2), dim=-1)
            loss = (attention - target).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return wq.detach(), wk.detach()
