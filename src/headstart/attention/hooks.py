"""How a running model is watched: hooks before a module, and the model put in evaluation mode for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["before", "evaluating"]


def before(module: nn.Module, look: Callable[[Tensor], Any]) -> Any:
    """A hook that hands ``look`` the tensor ``module`` is called with, a grid (B, h, w, D) as tokens (B, N, D)."""

    def hook(_module: nn.Module, args: tuple, kwargs: dict) -> Any:
        x = args[0] if args else next(iter(kwargs.values()))
        instead = look(x.flatten(1, 2) if x.ndim == 4 else x)
        if instead is None:
            return None
        instead = instead.to(x).view_as(x)
        return (instead, *args[1:]), kwargs if args else {**kwargs, next(iter(kwargs)): instead}

    return module.register_forward_pre_hook(hook, with_kwargs=True)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode, afterwards as it was; PyTorch's fused encoder, which calls no hooks, off."""
    training = {module: module.training for module in model.modules()}
    fused = torch.backends.mha.get_fastpath_enabled()
    try:
        torch.backends.mha.set_fastpath_enabled(False)
        model.eval()
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        for module, mode in training.items():
            module.training = mode
