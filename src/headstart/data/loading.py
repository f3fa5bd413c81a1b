"""One call from a name to a dataset in three splits."""

from __future__ import annotations

import os
from pathlib import Path

from headstart.data import cifar10, digits
from headstart.data.dataset import Dataset, Split
from headstart.data.splits import carve
from headstart.errors import HeadstartError, unknown

__all__ = ["dataset_names", "load_dataset"]


def dataset_names() -> tuple[str, ...]:
    """The names that :func:`load_dataset` knows.

    >>> dataset_names()
    ('cifar10', 'digits')
    """
    return ("cifar10", "digits")


def load_dataset(
    spec: str,
    *,
    limit: int | None = None,
    val_fraction: float = 0.1,
    seed: int = 0,
    root: Path | None = None,
) -> Dataset:
    """Load a dataset on the CPU, split into train, validation and test.

    The validation split is carved from the official training images, stratified, by ``seed``; then ``limit``
    of the remaining ones are chosen, stratified too. For one seed the first 1,000 are among the first 5,000,
    and the validation images are the same for every limit. The test images never depend on any argument.

    Args:
        spec: ``"digits"`` (carried in the package), ``"cifar10"`` (downloaded once if not at hand) or
            ``"cifar10:/path"``, the path of ``cifar-10-batches-bin``, of the folder around it, or of the
            official ``.tar.gz``.
        limit: number of training images; all unless given.
        val_fraction: share of the training images held back for validation, in [0, 1).
        seed: of the two choices.
        root: where downloads are kept; ``$HEADSTART_DATA`` unless given, else ``~/.cache/headstart``.

    Raises:
        HeadstartError: on an unknown name, on files that are missing, cut or altered, on a failed download,
            or on a fraction or limit out of range.

    >>> data = load_dataset("digits", limit=100)
    >>> len(data.train), len(data.val), len(data.test), data.image_size, data.channels
    (100, 144, 359, 8, 1)
    """
    name, _, place = spec.partition(":")
    if name == "digits":
        if place:
            raise HeadstartError(f"digits is carried in the package and takes no path, got {spec!r}: use 'digits'")
        pool, test = digits.read_digits()
        classes, flip_ok = digits.CLASSES, False
        mean, std = _statistics(pool)
    elif name == "cifar10":
        folder = cifar10.find_cifar10(Path(place).expanduser() if place else None, _root(root))
        pool, test = cifar10.read_cifar10(folder)
        classes, flip_ok = cifar10.CLASSES, True
        mean, std = cifar10.MEAN, cifar10.STD
    else:
        raise unknown("dataset", name, dataset_names())
    train, val = carve(pool, val_fraction, limit, seed)
    return Dataset(name, classes, train, val, test, mean, std, flip_ok)


def _root(root: Path | None) -> Path:
    if root is not None:
        return Path(root)
    # An empty variable counts as none: a path of "" would mean the current folder.
    return Path(os.environ.get("HEADSTART_DATA") or "~/.cache/headstart").expanduser()


def _statistics(pool: Split) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, pixels scaled to [0, 1]."""
    pixels = pool.images.double() / 255
    mean, std = pixels.mean((0, 2, 3)), pixels.std((0, 2, 3), correction=0)
    return tuple(mean.tolist()), tuple(std.tolist())
