"""What is refused before or after a model is seen, each with its class and the reason."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from headstart.attention.block import BlockView
from headstart.attention.pieces import missing_in
from headstart.attention.view import AttentionView
from headstart.errors import UnsupportedModel

__all__ = ["check_model", "check_trainable", "check_view", "unwrap", "watch_frozen"]

_QUANTISERS = ("bitsandbytes", "torchao", "optimum", "hqq", "auto_gptq", "awq")


def unwrap(model: nn.Module) -> nn.Module:
    """The model inside ``torch.compile``, ``DataParallel`` or ``DistributedDataParallel``, however deep."""
    while True:
        inner = getattr(model, "_orig_mod", None)
        if inner is None and isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            inner = model.module
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def check_model(model: nn.Module) -> None:
    """Raise for weights that cannot be read and written as plain numbers, and for parts that would hide from hooks."""
    missing = missing_in(model)
    for name, parameter in model.named_parameters():
        if parameter.is_meta:
            raise missing(
                f"its weights are on the meta device ({name}), so that there is nothing to set; give them memory and "
                "values first, by building the model without the meta device."
            )
        if hasattr(parameter, "device_mesh"):
            raise missing(f"its weights are sharded over devices ({name}); initialise the model before you shard it.")
    for name, module in model.named_modules():
        kind = _quantised(module)
        if kind is not None:
            raise missing(
                f"{name or 'the model'} is quantised ({kind}), and a start needs floating point; initialise and train "
                "the model first, then quantise it."
            )
        if getattr(module, "_orig_mod", None) is not None or getattr(module, "_compiled_call_impl", None) is not None:
            raise missing(
                f"{name or 'the model'} is compiled in place, so that what its heads read cannot be watched; "
                "initialise the model first, then compile it."
            )


def _quantised(module: nn.Module) -> str | None:
    """How a module's weights are quantised, ``None`` if they are not."""
    weight = getattr(module, "weight", None)
    path = type(module).__module__.split(".")
    if "quantized" in path or path[0] in _QUANTISERS:
        return type(module).__name__
    if not isinstance(weight, Tensor):
        return None
    if type(weight.data).__module__.split(".")[0] in _QUANTISERS:
        return type(weight.data).__name__
    return None if weight.is_floating_point() else str(weight.dtype)


def check_view(view: AttentionView) -> None:
    """Raise if heads share weights that they need for themselves, or if some attention of the model is not seen."""
    missing = missing_in(view.model)
    blocks = [(i, block) for i, block in enumerate(view.blocks) if block.source != "mixing"]
    known: dict[int, int] = {}
    for index, block in blocks:
        q, k = (block.projection(name)[0].data_ptr() for name in "qk")
        if q == k:
            raise missing(
                f"blocks[{index}] has one weight for queries and keys, so that no head can look away from its own "
                "patch; build the model with separate ones."
            )
        if q in known:
            raise missing(
                f"blocks {known[q]} and {index} share their weights, so that they cannot have offsets of their own; "
                "build the model with a weight for each block."
            )
        known[q] = index
    _check_all_seen(view, [block for _, block in blocks])


def _check_all_seen(view: AttentionView, blocks: list[BlockView]) -> None:
    seen = {id(block.attention) for block in blocks}
    classes = {type(block.attention) for block in blocks}
    alike = [(name, m) for name, m in view.model.named_modules() if type(m) in classes]
    unseen = [name for name, m in alike if id(m) not in seen]
    if unseen:
        raise UnsupportedModel(
            f"{type(view.model).__name__}: only {len(seen)} of {len(alike)} attention layers can be seen; the first of "
            f"the others is {unseen[0]}, a {type(view.model.get_submodule(unseen[0])).__name__}. Give the part of the "
            "model that holds the image's blocks alone."
        )


def check_trainable(view: AttentionView) -> None:
    """Raise if a weight of queries, keys, values or outputs is frozen: it was meant to stay as it is."""
    owners = {p.untyped_storage().data_ptr(): (name, p) for name, p in view.model.named_parameters()}
    for block in view.blocks:
        for kind in "qkvo":
            storage = block.projection(kind)[0].untyped_storage().data_ptr()
            name, parameter = owners.get(storage, ("", None))
            if parameter is not None and not parameter.requires_grad:
                raise _frozen(view, name)


def watch_frozen(view: AttentionView) -> Callable[[], None]:
    """Copy every frozen weight of the model; call the result after writing, and it raises if one has changed."""
    frozen = [(name, p, p.detach().clone()) for name, p in view.model.named_parameters() if not p.requires_grad]

    def check() -> None:
        for name, parameter, before in frozen:
            if not torch.equal(parameter, before):
                raise _frozen(view, name)

    return check


def _frozen(view: AttentionView, name: str) -> UnsupportedModel:
    return UnsupportedModel(
        f"{type(view.model).__name__}: {name} is frozen (requires_grad is False), and a start would overwrite it; "
        "unfreeze it first: model.requires_grad_(True)."
    )
