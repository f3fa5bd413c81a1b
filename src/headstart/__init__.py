"""Headstart: vision transformers that train well from scratch on small datasets.

``init_(model)`` makes every attention head begin as a shift by one offset, as an impulse convolution filter does
(2404.01139, 2505.19985): the network starts as a CNN, its architecture untouched.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headstart.attention import attention_view
    from headstart.errors import HeadstartError, UnsupportedModel
    from headstart.initialization import (
        Default,
        Impulse,
        InitReport,
        Mimetic,
        NormMatched,
        init_,
        measure,
    )
    from headstart.models import create_vit
    from headstart.training.predicting import load

__all__ = [
    "Default", "HeadstartError", "Impulse", "InitReport", "Mimetic", "NormMatched", "UnsupportedModel",
    "attention_view", "create_vit", "init_", "load", "measure",
]  # fmt: skip

# Where each name lives. It is imported when it is first asked for: PyTorch takes a second, which a shell that
# completes a command and `headstart --help` would wait for, and what reads runs takes longer still.
_PLACES = {
    "attention_view": "headstart.attention",
    "create_vit": "headstart.models",
    "load": "headstart.training.predicting",
    **dict.fromkeys(("HeadstartError", "UnsupportedModel"), "headstart.errors"),
    **dict.fromkeys(
        ("Default", "Impulse", "InitReport", "Mimetic", "NormMatched", "init_", "measure"), "headstart.initialization"
    ),
}


# ``import headstart`` is enough for headstart.models.edgevit and the like, too.
_ROOMS = (
    "attention", "data", "errors", "evaluation", "initialization", "methods", "models", "positions", "reporting",
    "specs", "studies", "training",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(_PLACES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})
