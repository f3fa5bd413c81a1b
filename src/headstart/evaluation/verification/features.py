"""Features off the shelf: what the middle layers of a trained model give for images, without any training.

Shapes: ``n`` images, ``C`` channels, ``h, w`` sides of a map, ``P`` prefix tokens, ``N`` tokens (P + h·w), ``D`` width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from headstart.attention import attention_view
from headstart.attention.hooks import evaluating
from headstart.errors import HeadstartError, unknown

__all__ = ["POOLS", "Pool", "features", "features_of"]

Pool = Literal["mean", "flatten", "class"]
POOLS = ("mean", "flatten", "class")


def features(model: nn.Module, images: Tensor, layer: str, pool: Pool = "mean", *, batch_size: int = 256) -> Tensor:
    """What ``layer`` gives for each image, as one vector: float32 (n, d) on the CPU.

    Args:
        model: any network; it is run in evaluation mode, on the device where it is, without gradients, and is
            afterwards as before.
        images: (n, C, H, W), as the model takes them (normalised), on any device.
        layer: a name of ``model.named_modules()``, such as :func:`~headstart.evaluation.verification.layers` lists.
        pool: ``"mean"`` over all places of a map (n, D, h, w) or (n, h, w, D), or over all tokens (n, N, D) but the
            prefix ones; ``"flatten"``: all places one after another, again without the prefix tokens;
            ``"class"``: the first prefix token. Vectors (n, D) are taken as they are.
        batch_size: images in a forward pass.

    A map with channels last (Swin) is told from one with channels first by its sides, which have the ratio of the
    image's. A layer that runs several times in a forward pass gives what it gave last.

    Differs from 2407.19472 in what cannot be known: how its vectors were made of a layer's output is not published
    where we could read it.

    Raises :class:`~headstart.errors.HeadstartError` for an unknown layer or pool, a layer that was not run, one that
    does not give a tensor with a row for each image, and ``"class"`` without prefix tokens.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
    >>> features(net, torch.zeros(5, 3, 6, 6), "1").shape, features(net, torch.zeros(5, 3, 6, 6), "1", "flatten").shape
    (torch.Size([5, 8]), torch.Size([5, 128]))
    """
    return features_of(model, images, [layer], pool, batch_size=batch_size)[layer]


def features_of(
    model: nn.Module, images: Tensor, names: Sequence[str], pool: Pool = "mean", *, batch_size: int = 256
) -> dict[str, Tensor]:
    """:func:`features` of several layers at the cost of one forward pass, in the order in which they run."""
    modules = dict(model.named_modules())
    for name in names:
        if name not in modules or not name:
            raise unknown(f"layer of {type(model).__name__}", name, [key for key in modules if key])
    if pool not in POOLS:
        raise unknown("pool", pool, POOLS)
    if batch_size < 1 or images.ndim != 4 or not len(images):
        raise HeadstartError(
            f"expected images of shape (n, C, H, W), n and batch_size at least 1, got {tuple(images.shape)} and "
            f"batch_size {batch_size}."
        )
    prefix = _prefix_tokens(model)
    weight = next(model.parameters(), torch.zeros(()))
    given: dict[str, Any] = {}
    parts: dict[str, list[Tensor]] = {}

    def noting(name: str) -> Any:
        def note(_module: nn.Module, _args: Any, output: Any) -> None:
            given[name] = output

        return modules[name].register_forward_hook(note)

    hooks = [noting(name) for name in dict.fromkeys(names)]
    try:
        with evaluating(model), torch.no_grad():
            for batch in images.split(batch_size):
                model(batch.to(weight.device, weight.dtype))
                for name in names:
                    if name not in given:
                        raise HeadstartError(
                            f"layer {name!r} of {type(model).__name__} is not run in a forward pass: choose another."
                        )
                for name in sorted(names, key=list(given).index):
                    pooled = _pooled(name, given[name], pool, prefix, batch)
                    parts.setdefault(name, []).append(pooled.float().cpu())
                given.clear()
    finally:
        for hook in hooks:
            hook.remove()
    return {name: torch.cat(rows) for name, rows in parts.items()}


def _pooled(name: str, output: Any, pool: Pool, prefix: int, batch: Tensor) -> Tensor:
    """One layer's output for one batch of images as (B, d)."""
    if isinstance(output, (tuple, list)) and output:
        output = output[0]  # blocks of transformers give their tokens and more
    if not isinstance(output, Tensor) or output.ndim not in (2, 3, 4) or len(output) != len(batch):
        got = f"a tensor of {tuple(output.shape)}" if isinstance(output, Tensor) else f"a {type(output).__name__}"
        raise HeadstartError(
            f"layer {name!r} gives {got}; expected maps (B, D, h, w), tokens (B, N, D) or vectors (B, D) for "
            f"B = {len(batch)} images: choose another layer."
        )
    if pool == "class":
        if output.ndim != 3 or not prefix:
            raise HeadstartError(f"layer {name!r} has no class token; use pool mean or flatten.")
        return output[:, 0]
    if output.ndim == 2:
        return output
    if output.ndim == 3:
        places = output[:, prefix:]
    elif _channels_last(output, batch):
        places = output.flatten(1, 2)
    else:
        places = output.flatten(2).transpose(1, 2)
    return places.mean(1) if pool == "mean" else places.flatten(1)


def _channels_last(output: Tensor, batch: Tensor) -> bool:
    """Whether only the first two sides of (B, ·, ·, ·) have the ratio of the image's, to a place."""
    height, width = batch.shape[2:]

    def fits(h: int, w: int) -> bool:
        return abs(h * width - w * height) < max(height, width)

    first, second, third = output.shape[1:]
    return fits(first, second) and not fits(second, third)


def _prefix_tokens(model: nn.Module) -> int:
    told = getattr(model, "num_prefix_tokens", None)
    if isinstance(told, int):
        return told
    try:
        return attention_view(model).prefix
    except HeadstartError:  # a model without attention has no tokens before its places
        return 0
