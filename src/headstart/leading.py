"""Which of the processes that torchrun started writes files and prints."""

from __future__ import annotations

import os

__all__ = ["leading"]


def leading() -> bool:
    """Whether this process is the first, or the only one: known before anything of the others is, from torchrun."""
    return os.environ.get("RANK", "0") == "0"
