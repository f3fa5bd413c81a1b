"""What a caller may hand in as an image, made the uint8 tensor that training would have seen."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from headstart.data.decoding import BadImage, decode, fitted
from headstart.errors import HeadstartError

__all__ = ["Picture", "one_by_one", "read_picture"]

Picture: TypeAlias = str | Path | Image.Image | np.ndarray | Tensor


def one_by_one(images: Picture | Iterable[Picture]) -> list[Picture]:
    """One image or many as a list: a batch (B, …) is taken apart.

    Raises :class:`~headstart.errors.HeadstartError` for something that is no image.
    """
    if isinstance(images, (str, Path, Image.Image)):
        return [images]
    if isinstance(images, (np.ndarray, Tensor)):
        return list(images) if images.ndim == 4 else [images]
    try:
        return list(images)
    except TypeError:
        raise _no_image(images) from None


def read_picture(image: Picture, image_shape: tuple[int, int, int]) -> Tensor:
    """One image, upright, resized and cropped as :mod:`headstart.data.decoding` does for training.

    Args:
        image: the path of an image file, a Pillow image, or uint8 pixels: (H, W), (H, W, C) or (C, H, W), C of 1, 3
            or 4; where the last axis may be the channels, it is.
        image_shape: (C, S, S) that the model takes; colour becomes grey and the other way round.

    Returns:
        uint8 (C, S, S).

    Raises:
        HeadstartError: for what is no image, naming it.
    """
    channels, height, width = image_shape
    if height != width:
        raise HeadstartError(f"expected a model of square images, got one of {height}×{width}; hand it tensors itself.")
    name = str(image) if isinstance(image, (str, Path)) else f"a {type(image).__name__}"
    try:
        if isinstance(image, (str, Path)):
            return torch.from_numpy(decode(Path(image).read_bytes(), height, grey=channels == 1).copy())
        opened = image if isinstance(image, Image.Image) else _of_pixels(image)
        return torch.from_numpy(fitted(opened, height, grey=channels == 1).copy())
    except BadImage as error:
        raise HeadstartError(f"{name} can't be used as an image: {str(error).rstrip('.')}.") from None
    except IsADirectoryError:
        raise HeadstartError(f"{name} is a folder: expected an image; list the files in it.") from None
    except FileNotFoundError:
        raise HeadstartError(f"there is no {name}: expected an image file.") from None
    except OSError as error:
        raise HeadstartError(f"{name} could not be read ({error.strerror or error}).") from None


def _of_pixels(image: object) -> Image.Image:
    pixels = image.detach().cpu().numpy() if isinstance(image, Tensor) else image
    if not isinstance(pixels, np.ndarray):
        raise _no_image(image)
    if pixels.dtype != np.uint8:
        raise HeadstartError(
            f"expected pixels as uint8, 0 to 255, got {pixels.dtype} of shape {pixels.shape}; the "
            "normalisation is done here."
        )
    if pixels.ndim == 3 and pixels.shape[-1] not in (1, 3, 4) and pixels.shape[0] in (1, 3, 4):
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[-1] in (3, 4))) or 0 in pixels.shape:
        raise HeadstartError(
            f"expected pixels of shape (H, W), (H, W, C) or (C, H, W) with C of 1, 3 or 4, got {pixels.shape}."
        )
    return Image.fromarray(np.ascontiguousarray(pixels))


def _no_image(image: object) -> HeadstartError:
    return HeadstartError(
        f"expected an image, got a {type(image).__name__}: hand in a path, a Pillow image or uint8 pixels."
    )
