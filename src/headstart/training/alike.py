"""Can these models run as one batched program? They can when only their weights differ."""

from __future__ import annotations

from collections.abc import Sequence
from types import BuiltinFunctionType, FunctionType

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from headstart.errors import HeadstartError

__all__ = ["check_alike"]

# Attributes of a module that decide what it computes; the weights are looked at by themselves.
PLAIN = (bool, int, float, str, tuple, type(None), FunctionType, BuiltinFunctionType, Tensor)


def check_alike(models: Sequence[nn.Module]) -> None:
    """Raise :class:`~headstart.errors.HeadstartError` unless the models differ in the values of their weights alone.

    Compared are the modules' places, classes and plain attributes (numbers, names, tuples, functions) and the
    tensors' names, shapes, types, devices and whether they are trained. Refused are shared weights, inside a model or
    between two, and running statistics, which change in place during the forward pass.
    """
    if not models:
        raise HeadstartError("expected at least one model to stack, got none.")
    seen: dict[int, str] = {}
    for index, model in enumerate(models):
        for name, module in model.named_modules():
            if isinstance(module, _NormBase) and module.track_running_stats:
                raise _refused(f"{name} of model {index} ({type(module).__name__}) changes running statistics in place")
        for name, parameter in model.named_parameters(remove_duplicate=False):
            place = f"{name} of model {index}"
            if id(parameter) in seen:
                raise _refused(f"{place} is the same tensor as {seen[id(parameter)]}")
            seen[id(parameter)] = place
    first = _described(models[0])
    for index, model in enumerate(models[1:], 1):
        other = _described(model)
        for place in [*first, *other]:
            ours, theirs = first.get(place, "missing"), other.get(place, "missing")
            if ours != theirs:
                raise _refused(f"{place} is {_short(ours)} in model 0 and {_short(theirs)} in model {index}")


def _refused(why: str) -> HeadstartError:
    return HeadstartError(
        f"these models cannot be stacked: {why}. Only models of one architecture that differ in their weights alone "
        "can; train these separately."
    )


def _described(model: nn.Module) -> dict[str, str]:
    """What a model is, apart from its weights' values: a line for each place."""
    lines: dict[str, str] = {}
    for name, module in model.named_modules():
        lines[name or "the model"] = type(module).__name__
        for key, value in vars(module).items():
            if isinstance(value, PLAIN) and key != "training":
                lines[f"{name}.{key}".lstrip(".")] = repr(value.tolist() if isinstance(value, Tensor) else value)
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        kind = f"{tuple(tensor.shape)} {tensor.dtype} on {tensor.device}"
        lines[name] = f"{kind}, {'trained' if tensor.requires_grad else 'fixed'}"
    return lines


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:80]}…"
