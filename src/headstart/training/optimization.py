"""The optimizers and the learning rate."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.optim import AdamW, Optimizer

from headstart.methods import Method
from headstart.training.muon import Muon
from headstart.training.recipe import Recipe

__all__ = ["learning_rate", "optimizers"]

# Of timm and of the library's own ViT: these say where and what a token is, and are not to be pulled to zero.
UNDECAYED = ("pos_embed", "cls_token", "reg_token")


def optimizers(models: Sequence[nn.Module], recipe: Recipe, *, recorded: bool = False) -> list[Optimizer]:
    """The optimizers of one model, or of several that train side by side.

    AdamW (1711.05101), fused where possible; no weight decay on biases, norms, positions and tokens. With the recipe's
    ``optimizer`` at ``muon``, :class:`~headstart.training.muon.Muon` takes the matrices of the blocks, and AdamW the
    rest: patch embedding, positions, tokens, norms, biases and the classifier. Parameters of a method's own learn at
    its ``rate`` times the recipe's. Where steps are ``recorded`` (:mod:`headstart.training.recorded`) each group's
    learning rate is a tensor on the device.
    """
    fast = {
        parameter: module.rate
        for model in models
        for module in model.modules()
        if isinstance(module, Method) and module.rate != 1
        for parameter in module.parameters()
    }
    groups: dict[str, list[nn.Parameter]] = {"matrices": [], "fused": [], "decayed": [], "free": []}
    for model in models:
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                groups[_group(name, parameter, recipe)].append(parameter)
    everything = [parameter for model in models for parameter in model.parameters()]
    fused = all(parameter.device.type in ("cpu", "cuda") for parameter in everything)
    adamw = AdamW(
        [
            {"params": [p for p in groups[kind] if fast.get(p, 1.0) == rate], "weight_decay": decay, "rate": rate}
            for rate in (1.0, *sorted(set(fast.values())))
            for kind, decay in (("decayed", recipe.weight_decay), ("free", 0.0))
        ],
        lr=recipe.lr,
        betas=recipe.betas,
        eps=recipe.eps,
        fused=fused,
        capturable=recorded,
    )
    trained: list[Optimizer] = [adamw]
    if recipe.optimizer == "muon":
        matrices = [{"params": groups["matrices"], "pieces": 1}, {"params": groups["fused"], "pieces": 3}]
        found = [group for group in matrices if group["params"]]
        trained.insert(0, Muon(found, lr=recipe.lr, weight_decay=recipe.weight_decay))
    if recorded:
        # PyTorch warns of the steps before the recording, which are meant to be.
        adamw._warned_capturable_if_run_uncaptured = True
        device = everything[0].device
        for group in (group for optimizer in trained for group in optimizer.param_groups):
            group["lr"] = torch.tensor(recipe.lr, device=device)
    return trained


def _group(name: str, parameter: nn.Parameter, recipe: Recipe) -> str:
    if parameter.ndim <= 1 or name.rpartition(".")[2] in UNDECAYED:
        return "free"
    if recipe.optimizer == "muon" and parameter.ndim == 2 and name.startswith("blocks."):
        return "fused" if name.endswith("qkv.weight") else "matrices"
    return "decayed"


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
