"""A small ViT that learns where its tokens are, and a step with tokens of one's own."""

from typing import Any

import torch
from torch import Tensor, nn

from headstart.attention import attention_view
from headstart.methods import DRLoc, Step, resolve_methods
from headstart.models import create_vit


def attached(spec: str = "drloc", seed: int = 0, **changes: Any) -> tuple[nn.Module, DRLoc]:
    torch.manual_seed(seed)
    model = create_vit(**{"width": 24, "depth": 2, "heads": 3, **changes})
    (method,) = resolve_methods([spec])
    assert isinstance(method, DRLoc)
    assert method.attach(model, attention_view(model)) is model
    return model, method


def step_of(tokens: Tensor, draws: Tensor) -> Step:
    logits, targets = tokens.new_zeros(len(tokens), 10), torch.zeros(len(tokens), dtype=torch.int64)
    return Step(tokens, logits, targets, draws, tokens.new_zeros(len(tokens), 3, 8, 8), torch.mean)
