"""Three operations that ``torch.vmap`` batches badly, said so that it batches them well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["BatchesWell"]


class BatchesWell(TorchFunctionMode):
    """Around a ``torch.vmap`` over models: same numbers within rounding, fewer and faster kernels.

    *Scaled dot-product attention.* Inside ``vmap`` no tensor seems to need a gradient, so the memory-efficient and the
    cuDNN kernel would leave out what their backward pass needs; the CPU's kernel would run once for each model. Here
    the models' batches are folded into one, out of ``vmap``'s sight: (M, B, H, N, R) → (M·B, H, N, R).

    *Convolution without overlap* (a patch embedding; stride = kernel). With weights for each model it would become a
    grouped convolution; here it is X·Wᵀ + b on pixels (B, h, w, C·p·q), a batched matrix product.

    *Linear maps*, and the two above, under autocast. ``vmap`` takes a linear map apart before autocast has seen it, so
    the bias would be added, and the result left, in float32; here inputs and weights are cast first. So they are for
    every convolution, whose bias autocast would leave in float32 beside inputs that are not.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        chosen = func
        if func is F.linear:
            chosen = _linear
        elif func is F.scaled_dot_product_attention:
            chosen = _attention
        elif func is F.conv2d:
            chosen = _convolution
        return chosen(*args, **(kwargs or {}))


def _cast(tensor: Tensor) -> Tensor:
    """As autocast would have it for a matrix product."""
    kind = tensor.device.type
    if torch.is_autocast_enabled(kind) and tensor.dtype == torch.float32:
        return tensor.to(torch.get_autocast_dtype(kind))
    return tensor


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.linear(_cast(x), _cast(weight), None if bias is None else _cast(bias))


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    if dropout_p:  # random: vmap's own business
        return F.scaled_dot_product_attention(
            query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
        )
    if attn_mask is not None:
        attn_mask = _cast(attn_mask).expand(*query.shape[:-1], key.shape[-2])
    return _folded(_cast(query), _cast(key), _cast(value), attn_mask, is_causal, scale, enable_gqa)


@torch.library.custom_op("headstart::folded_attention", mutates_args=())
def _folded(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, is_causal: bool, scale: float | None, gqa: bool
) -> Tensor:
    return F.scaled_dot_product_attention(query, key, value, mask, 0.0, is_causal, scale=scale, enable_gqa=gqa)


@_folded.register_vmap
def _fold(
    info: Any,
    dims: tuple[int | None, ...],
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    is_causal: bool,
    scale: float | None,
    gqa: bool,
) -> tuple[Tensor, int]:
    def fold(tensor: Tensor, dim: int | None) -> Tensor:
        stacked = tensor.expand(info.batch_size, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
        return stacked.flatten(0, 1)

    query, key, value = fold(query, dims[0]), fold(key, dims[1]), fold(value, dims[2])
    mask = None if mask is None else fold(mask, dims[3])
    out = F.scaled_dot_product_attention(query, key, value, mask, 0.0, is_causal, scale=scale, enable_gqa=gqa)
    return out.unflatten(0, (info.batch_size, -1)), 0


def _convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    padding: str | int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
) -> Tensor:
    p, q = weight.shape[2:]
    apart = stride in (p, (p, q)) and p * q > 1 and padding in (0, (0, 0), "valid") and dilation in (1, (1, 1))
    if not apart or groups != 1 or x.ndim != 4 or x.shape[2] % p or x.shape[3] % q:
        bias = None if bias is None else _cast(bias)
        return F.conv2d(_cast(x), _cast(weight), bias, stride, padding, dilation, groups)
    B, C, height, width = x.shape
    x = x.reshape(B, C, height // p, p, width // q, q).permute(0, 2, 4, 1, 3, 5).flatten(3)
    return _linear(x, weight.flatten(1), bias).permute(0, 3, 1, 2)
