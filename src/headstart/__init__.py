"""Headstart: vision transformers that train well from scratch on small datasets.

``init_(model)`` makes every attention head begin as a shift by one offset, as an impulse convolution filter does
(2404.01139, 2505.19985): the network starts as a CNN, its architecture untouched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

__all__ = [
    "Default", "HeadstartError", "Impulse", "InitReport", "Mimetic", "NormMatched", "UnsupportedModel",
    "attention_view", "create_vit", "init_", "load", "measure",
]  # fmt: skip

if TYPE_CHECKING:
    from headstart.training.predicting import load


def __getattr__(name: str) -> Any:
    # What trains and reads runs brings in libraries that take seconds to import, and comes in only when asked for.
    if name == "load":
        from headstart.training.predicting import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
