"""NumPy's npz, as MedMNIST uses it: images and labels of three splits in one file."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch

from headstart.data.dataset import Split
from headstart.errors import HeadstartError

__all__ = ["read_npz"]


def read_npz(path: Path) -> dict[str, Split]:
    """The splits of a file with ``train_images``, ``train_labels`` and likewise ``val`` and ``test``.

    Images are uint8 (n, H, W) or (n, H, W, 3); labels (n,) or (n, 1).

    Raises:
        HeadstartError: if the file is damaged, lacks an array, holds pickled objects (which are never loaded), or
            has more than one label for an image.
    """
    splits = {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            for part in ("train", "val", "test"):
                images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
                if labels.size != len(images):
                    raise HeadstartError(
                        f"{path} has labels of shape {labels.shape} for {len(images):,} images: "
                        "only one label for each image can be learned"
                    )
                pixels = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
                splits[part] = Split(
                    torch.from_numpy(np.ascontiguousarray(pixels)),
                    torch.from_numpy(labels.reshape(-1).astype(np.int64)),
                )
    except KeyError as error:
        raise HeadstartError(
            f"{path} lacks an array ({error.args[0]}): expected train, val and test, each _images and _labels"
        ) from None
    except HeadstartError:
        raise
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise HeadstartError(f"{path} could not be read ({error}): delete it and load again") from error
    return splits
