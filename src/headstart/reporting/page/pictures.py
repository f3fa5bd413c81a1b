"""Images inside the page."""

from __future__ import annotations

import base64
import io

from torch import Tensor

__all__ = ["data_uri"]

LARGEST = 160  # pixels of the longer side, unless told otherwise
LOSSLESS = 64  # up to here a PNG is small enough


def data_uri(picture: Tensor, largest: int = LARGEST) -> str:
    """A uint8 image (C, height, width), one channel or three, in the form that HTML takes for an address.

    Those with a side of more than ``largest`` pixels are shrunk, all but small ones stored as JPEG; other numbers of
    channels show the mean of all.
    """
    from PIL import Image

    pixels = picture.cpu()
    if len(pixels) not in (1, 3):
        pixels = pixels.float().mean(dim=0, keepdim=True).round().byte()
    array = pixels.permute(1, 2, 0).numpy()
    image = Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)
    kind = "png" if max(image.size) <= LOSSLESS else "jpeg"
    image.thumbnail((largest, largest))
    file = io.BytesIO()
    image.save(file, kind, optimize=True)
    return f"data:image/{kind};base64," + base64.b64encode(file.getvalue()).decode()
