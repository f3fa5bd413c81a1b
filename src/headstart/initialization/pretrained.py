"""A guard for fine-tuning: trained weights are not overwritten in silence."""

from __future__ import annotations

from torch import Tensor, nn

from headstart.errors import HeadstartError

__all__ = ["check_untrained"]


def check_untrained(model: nn.Module) -> None:
    """Raise if the weights of ``model`` look trained.

    In every library a normalisation's weights and shifts start out all the same, and training tells its channels
    apart. timm's ``pretrained_cfg`` and transformers' ``config.name_or_path`` name a source even for models built
    without its weights, so they are quoted but do not decide.
    """
    moved = _trained_norm(model)
    if moved is None:
        return
    known = getattr(model, "pretrained_cfg", None) or {}
    sources = {
        "pretrained_cfg names": known.get("architecture") if isinstance(known, dict) else None,
        "config.name_or_path is": getattr(getattr(model, "config", None), "name_or_path", None),
    }
    named = "".join(f", {what} {name!r}" for what, name in sources.items() if name and isinstance(name, str))
    reason = f"{moved} differs from channel to channel, as no fresh one does{named}"
    raise HeadstartError(
        f"{type(model).__name__}: these weights look trained ({reason}), and init_ would overwrite them. Pass "
        "overwrite=True if they may go, or build the model without pretrained weights."
    )


def _trained_norm(model: nn.Module) -> str | None:
    """The name of a normalisation's parameter whose entries differ."""
    for name, module in model.named_modules():
        if "norm" not in type(module).__name__.lower():
            continue
        for key in ("weight", "bias"):
            value = getattr(module, key, None)
            if isinstance(value, Tensor) and value.ndim == 1 and value.numel() > 1 and bool((value != value[0]).any()):
                return f"{name}.{key}"
    return None
