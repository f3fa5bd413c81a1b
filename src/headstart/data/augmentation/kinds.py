"""The kinds of operation that a round can hold for an image."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["BLENDS", "TABLES", "Kind"]


class Kind(IntEnum):
    """What is done to an image in one round; the numbers are what draws hold."""

    IDENTITY = 0
    MOVE = 1
    BRIGHTNESS = 2
    COLOR = 3
    CONTRAST = 4
    SHARPNESS = 5
    POSTERIZE = 6
    SOLARIZE = 7
    AUTOCONTRAST = 8
    EQUALIZE = 9
    BLUR = 10


BLENDS = frozenset({Kind.BRIGHTNESS, Kind.COLOR, Kind.CONTRAST, Kind.SHARPNESS})
TABLES = frozenset({Kind.POSTERIZE, Kind.SOLARIZE, Kind.AUTOCONTRAST, Kind.EQUALIZE})
