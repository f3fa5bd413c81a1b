"""The optimizer and the learning rate."""

from __future__ import annotations

import math

import torch
from torch import nn

from headstart.training.recipe import Recipe

__all__ = ["adamw", "learning_rate"]

# Of timm and of the library's own ViT: these say where and what a token is, and are not to be pulled to zero.
UNDECAYED = ("pos_embed", "cls_token", "reg_token")


def adamw(model: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW (1711.05101), fused where possible; no weight decay on biases, norms, positions and tokens."""
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            undecayed = parameter.ndim <= 1 or name.rpartition(".")[2] in UNDECAYED
            (free if undecayed else decayed).append(parameter)
    fused = all(parameter.device.type in ("cpu", "cuda") for parameter in model.parameters())
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": free, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.lr, betas=recipe.betas, fused=fused)


def learning_rate(step: int, steps: int, recipe: Recipe) -> float:
    """Linear warm-up, then half a cosine from ``lr`` to ``min_lr``·``lr``.

    Step ``t`` of ``T`` (from 0) with ``W = round(warmup·T)``: ``lr·(t+1)/W`` for ``t < W``; after that
    ``lr·(m + (1−m)·(1+cos(π·(t−W)/(T−1−W)))/2)`` with ``m = min_lr``: the last step is at ``m·lr``.
    """
    warmup = round(recipe.warmup * steps)
    if step < warmup:
        return recipe.lr * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - 1 - warmup)
    return recipe.lr * (recipe.min_lr + (1 - recipe.min_lr) * (1 + math.cos(math.pi * progress)) / 2)
