"""Real handwritten digits, carried in the package: nothing to download."""

from __future__ import annotations

import hashlib
import io
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from headstart.data.dataset import Split
from headstart.data.splits import stratified_order
from headstart.errors import HeadstartError

__all__ = ["CLASSES", "read_digits"]

CLASSES = tuple("0123456789")
SHA256 = "b2dab7b501728c22e9119ad76740b2e17c77a231e42d1e592380d90886f1a05e"
TEST_FRACTION = 0.2
TEST_SEED = 0


def read_digits(file: Path | None = None) -> tuple[Split, Split]:
    """The 1,797 digits of UCI's "Optical Recognition of Handwritten Digits", as scikit-learn carries them.

    The source's pixels are whole numbers v from 0 to 16; here they are round(255·v/16), so that they read
    like any other uint8 image. The source names no test split: a stratified fifth is set aside, by a seed
    that never changes.

    Args:
        file: where to read from; the package's own file unless given.

    Returns:
        (pool, test): 1,438 images to carve training and validation splits from, and 359 test images, uint8
            (n, 1, 8, 8).

    Raises:
        HeadstartError: if the file is missing or is not the one the package was released with.
    """
    source = file or files("headstart.data") / "files" / "digits.npz"
    if not source.is_file():
        raise HeadstartError(f"expected the digits at {source}, found no file: install headstart again")
    content = source.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != SHA256:
        raise HeadstartError(f"{source} was altered: expected SHA-256 {SHA256}, got {digest}; install headstart again")
    with np.load(io.BytesIO(content)) as archive:
        pixels, labels = archive["images"], archive["labels"]
    images = torch.from_numpy(np.round(pixels * (255 / 16)).astype(np.uint8))[:, None]
    everything = Split(images, torch.from_numpy(labels.astype(np.int64)))
    order = stratified_order(everything.labels, torch.Generator().manual_seed(TEST_SEED))
    test = round(TEST_FRACTION * len(everything))
    return everything[order[test:]], everything[order[:test]]
