"""Headstart: vision transformers that train well from scratch on small datasets.

``init_(model)`` makes every attention head begin as a shift by one offset, as an impulse convolution filter does
(2404.01139, 2505.19985): the network starts as a CNN, its architecture untouched.
"""

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
    "attention_view", "create_vit", "init_", "measure",
]  # fmt: skip
