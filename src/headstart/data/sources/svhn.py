"""Street View House Numbers, cropped digits: 73,257 training and 26,032 test images, colour 32×32, ten classes.

Y. Netzer et al., 2011. The 531,131 easier "extra" images are not used.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from headstart.data.dataset import Split
from headstart.data.formats.mat import read_mat
from headstart.data.source import Arrays, RemoteFile, Source
from headstart.errors import HeadstartError

__all__ = ["SOURCES"]

URL = "http://ufldl.stanford.edu/housenumbers/"


def read_svhn(folder: Path) -> Arrays:
    """``X`` is (32, 32, 3, n): row, column, channel, image; ``y`` is (n, 1) and calls the digit 0 by 10.

    Raises:
        HeadstartError: if a file lacks one of the two or they do not fit.
    """
    splits = {}
    for part in ("train", "test"):
        path = folder / f"{part}_32x32.mat"
        arrays = read_mat(path)
        images, labels = arrays.get("X"), arrays.get("y")
        if images is None or labels is None or images.ndim != 4 or labels.size != images.shape[3]:
            shapes = {name: array.shape for name, array in arrays.items()}
            raise HeadstartError(f"expected X of shape (32, 32, 3, n) and y of shape (n, 1) in {path}, got {shapes}")
        pixels = np.ascontiguousarray(images.transpose(3, 2, 0, 1).astype(np.uint8))
        digits = labels.reshape(-1).astype(np.int64)
        splits[part] = Split(torch.from_numpy(pixels), torch.from_numpy(np.where(digits == 10, 0, digits)))
    return Arrays(splits, tuple("0123456789"))


SOURCES = (
    Source(
        name="svhn",
        title="Street View House Numbers, cropped digits",
        homepage=URL,
        licence="for non-commercial use, as the authors' page says",
        citation="Y. Netzer et al., Reading Digits in Natural Images with Unsupervised Feature Learning, "
        "NIPS workshop, 2011",
        files=(
            RemoteFile(
                URL + "train_32x32.mat",
                checksum="sha256:435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
                size=182_040_794,
            ),
            RemoteFile(
                URL + "test_32x32.mat",
                checksum="sha256:cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
                size=64_275_384,
            ),
        ),
        folders=("",),
        needs=("train_32x32.mat", "test_32x32.mat"),
        read=read_svhn,
        counts={"train": 73_257, "test": 26_032},
        classes=10,
        image_size=32,
        mean=(0.4377, 0.4438, 0.4728),
        std=(0.1980, 0.2010, 0.1970),
        note="The 531,131 extra images are not used.",
    ),
)
