"""One encoded image to uint8 of one size, whatever its format, mode, depth, orientation and shape.

Shapes: C channels (1 or 3), S the side in pixels.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

__all__ = ["BadImage", "Header", "decode", "fitted", "read_header"]

# Of the many formats that Pillow opens. Some of the others run a program on what they are given, as EPS does.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "DIB", "TIFF", "WEBP", "PPM", "JPEG2000", "MPO", "AVIF")
GREY_MODES = frozenset({"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F"})


class BadImage(Exception):
    """An image that can't be used; the text is the reason, for the report."""


@dataclass(frozen=True)
class Header:
    """What is known of an image without decoding its pixels: whether it is grey, and its shorter side in pixels."""

    grey: bool
    side: int


def read_header(content: bytes) -> Header:
    """Kind and size of an encoded image.

    Raises:
        BadImage: if it is empty or of no known format.
    """
    with _opened(content) as image:
        return Header(image.mode in GREY_MODES, min(image.size))


def decode(content: bytes, size: int, *, grey: bool) -> np.ndarray:
    """An encoded image as :func:`fitted` makes it.

    Args:
        content: the bytes of a file.
        size: S.
        grey: one channel instead of three.

    Returns:
        uint8 (C, S, S).

    Raises:
        BadImage: if it is empty, cut, of no known format, or too large to be meant.
    """
    with _opened(content) as opened:
        return fitted(opened, size, grey=grey)


def fitted(opened: Image.Image, size: int, *, grey: bool) -> np.ndarray:
    """An image, upright, its shorter side resized to ``size`` and its middle cut out; arguments as for :func:`decode`.

    Transparent pixels show white. 16-bit values v become round(v / 257), so that the full range stays the full
    range. Resizing is Pillow's bicubic with antialiasing; an image of the right size keeps its pixels.

    Returns:
        uint8 (C, S, S).

    Raises:
        BadImage: if it is cut, or has pixels that are no picture's.
    """
    try:
        opened.load()
        image = _eight_bits(ImageOps.exif_transpose(opened))
        if image.mode not in ("L", "RGB"):
            image = image.convert("RGB")  # some modes know no other way, not even to grey
        image = image.convert("L" if grey else "RGB")
        if image.size != (size, size):
            image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
    except BadImage:
        raise
    except Exception as error:  # Pillow's plugins raise what they like: OSError, SyntaxError, struct.error …
        raise BadImage(str(error) or type(error).__name__) from error
    pixels = np.asarray(image)
    return pixels[None] if grey else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _opened(content: bytes) -> Image.Image:
    if not content:
        raise BadImage("the file is empty")
    try:
        return Image.open(io.BytesIO(content), formats=_known_formats())
    except UnidentifiedImageError:
        raise BadImage(f"no known image format (it begins with {content[:4].hex(' ')})") from None
    except Exception as error:
        raise BadImage(str(error) or type(error).__name__) from error


@cache
def _known_formats() -> tuple[str, ...]:
    """Those of them that the installed Pillow was built with."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _eight_bits(image: Image.Image) -> Image.Image:
    """L, RGB or something that converts to them without loss of range; transparency over white."""
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise BadImage(f"whole numbers from {values.min()} to {values.max()}, expected 0 to 65535")
        return Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if image.mode == "F":
        floats = np.asarray(image)
        if not (floats.min() >= 0 and floats.max() <= 1):  # also refuses NaN
            raise BadImage(f"floating-point pixels from {floats.min():g} to {floats.max():g}, expected 0 to 1")
        return Image.fromarray(np.round(floats * 255).astype(np.uint8))
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image)
    return image
