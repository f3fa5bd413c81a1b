"""Attention as a model itself computes it, without any knowledge of the model: the check on every view."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from headstart.attention.hooks import evaluating

__all__ = ["captured_maps"]

_SOFTMAX = (torch.softmax, F.softmax, Tensor.softmax)


class _Capture(TorchFunctionMode):
    """Notes the weights of every attention that PyTorch is asked for: (B, H, N, N) or, by softmax, (…, N, N)."""

    def __init__(self) -> None:
        super().__init__()
        self.maps: list[Tensor] = []

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.multi_head_attention_forward:
            out, weights = func(*args, **{**kwargs, "need_weights": True, "average_attn_weights": False})
            self.maps.append(weights)
            return out, None
        result = func(*args, **kwargs)
        if func is F.scaled_dot_product_attention:
            self.maps.append(_weights(*args, **kwargs))
        elif func in _SOFTMAX and result.ndim >= 4 and result.shape[-1] == result.shape[-2]:
            self.maps.append(result)
        return result


def _weights(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, *_: Any, **kwargs: Any
) -> Tensor:
    scale = kwargs.get("scale") or query.shape[-1] ** -0.5
    logits = query @ key.transpose(-1, -2) * scale
    if attn_mask is not None:
        logits = logits.masked_fill(~attn_mask, -torch.inf) if attn_mask.dtype == torch.bool else logits + attn_mask
    return logits.softmax(-1)


def captured_maps(model: nn.Module, images: Tensor) -> list[Tensor]:
    """Every square attention map of one forward pass on ``images``, in the order of computation, (B, H, N, N).

    PyTorch's own calls are watched (``scaled_dot_product_attention``, ``multi_head_attention_forward``, ``softmax``),
    so whatever a model does to queries, keys and logits before is in them. Attention written with other operations is
    not seen.
    """
    with evaluating(model), torch.no_grad(), _Capture() as capture:
        model(images)
    return [m.detach().float() for m in capture.maps]
