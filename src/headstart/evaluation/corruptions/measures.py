"""One number from many errors: mean corruption error, plain and as ImageNet-C has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headstart.errors import HeadstartError
from headstart.evaluation.corruptions.tables import CORRUPTIONS

__all__ = ["ALEXNET", "ALEXNET_CLEAN", "mce", "mean_error", "relative_mce"]

# AlexNet's top-1 error on ImageNet-C, mean over the five severities (1903.12261; six digits as in mmpretrain and other
# public code), and on the clean validation images (torchvision's weights: 56.52 % right).
ALEXNET: Mapping[str, float] = {
    "gaussian_noise": 0.886428,
    "shot_noise": 0.894468,
    "impulse_noise": 0.922640,
    "defocus_blur": 0.819880,
    "glass_blur": 0.826268,
    "motion_blur": 0.785948,
    "zoom_blur": 0.798360,
    "snow": 0.866816,
    "frost": 0.826572,
    "fog": 0.819324,
    "brightness": 0.564592,
    "contrast": 0.853204,
    "elastic_transform": 0.646056,
    "pixelate": 0.717840,
    "jpeg_compression": 0.606500,
}
ALEXNET_CLEAN = 0.4348

Errors = Mapping[str, Sequence[float]]


def mean_error(errors: Errors) -> float:
    """Mean corruption error, un-normalised: mean over corruptions of the mean over severities.

    What is usually given for CIFAR-10-C; not to be confused with :func:`mce`.

    >>> round(mean_error({"fog": [0.1, 0.3], "snow": [0.4, 0.6]}), 6)
    0.35
    """
    return sum(_mean(values) for values in errors.values()) / len(errors)


def mce(errors: Errors) -> float:
    """MCE = mean over c of CE_c, CE_c = Σ_s err_{s,c} / Σ_s err^AlexNet_{s,c} (1903.12261).

    Args:
        errors: for each of the fifteen corruptions the error, from 0 to 1, at each of the five severities.

    Raises:
        HeadstartError: if a corruption or a severity is missing: AlexNet's numbers are means over all five.

    >>> round(mce({name: [error] * 5 for name, error in ALEXNET.items()}), 6)
    1.0
    """
    _check(errors)
    return sum(_mean(errors[name]) / ALEXNET[name] for name in CORRUPTIONS) / len(CORRUPTIONS)


def relative_mce(errors: Errors, clean: float) -> float:
    """Relative mCE: the same with the clean error taken off each, Σ_s (err_{s,c} − clean) / Σ_s (AlexNet's likewise).

    It tells how much is lost to corruption; a better clean error alone doesn't lower it.

    Raises:
        HeadstartError: as :func:`mce`.
    """
    _check(errors)
    parts = [(_mean(errors[name]) - clean) / (ALEXNET[name] - ALEXNET_CLEAN) for name in CORRUPTIONS]
    return sum(parts) / len(parts)


def _check(errors: Errors) -> None:
    missing = [name for name in CORRUPTIONS if name not in errors]
    short = [name for name, values in errors.items() if len(values) != 5]
    if missing or short:
        lacking = f"no {', '.join(missing)}" if missing else f"other than five severities of {', '.join(short)}"
        raise HeadstartError(
            f"mCE needs all fifteen corruptions at all five severities, got {lacking}: use the un-normalised "
            "mean_error for a part of the suite."
        )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
