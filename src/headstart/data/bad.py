"""Images that can't be used: named with the reason, and too many of them an error."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.data.say import tell
from headstart.errors import HeadstartError

__all__ = ["name_them", "refuse_too_many"]

NAMED = 10  # the others are only counted


def refuse_too_many(bad: Sequence[tuple[str, str]], total: int, max_bad: float) -> None:
    """Raise if more than a share of ``max_bad`` of ``total`` images can't be used; ``bad`` holds names and reasons."""
    if len(bad) > max_bad * total:
        share = _next_share(len(bad) / total)
        raise HeadstartError(
            f"{len(bad)} of {total} images can't be used, more than the share of {max_bad:g} that may be left out: "
            f"{_listed(bad)}. Repair or remove them, or allow more: --set max_bad={share} (headstart data: --max-bad)"
        )


def name_them(bad: Sequence[tuple[str, str]], total: int) -> None:
    """Say on stderr which images were left out, if any."""
    if bad:
        tell(f"left out {len(bad)} of {total} images: {_listed(bad)}")


def _listed(bad: Sequence[tuple[str, str]]) -> str:
    some = "; ".join(f"{name} ({reason})" for name, reason in bad[:NAMED])
    return some + (f"; and {len(bad) - NAMED} more" if len(bad) > NAMED else "")


def _next_share(share: float) -> float:
    """The share rounded up to two places, below 1."""
    return min(0.99, -(-share * 100 // 1) / 100)
