"""What an evaluation on corrupted images found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from headstart.evaluation.corruptions.measures import mce, mean_error, relative_mce
from headstart.evaluation.corruptions.tables import CORRUPTIONS, SEVERITIES

__all__ = ["CorruptionResult"]


@dataclass(frozen=True)
class CorruptionResult:
    """Accuracy and calibration of one model, clean and under each corruption and severity; shares from 0 to 1.

    Args:
        source: ``generated`` here, or ``published`` files. Numbers of the two are not to be mixed.
        suite: ``cifar-c`` or ``imagenet-c``, whose parameters.
        frost: ``made``, ``photographs``, or ``published`` with the rest; only ``made`` differs from the paper in kind.
        images: how many, of the test set.
        pixels: (height, width) of them; the parameters are those for 32 or 224.
        seed: of the corruptions.
        severities: which, in the order of the numbers below.
        clean_accuracy: on the same images without corruption.
        clean_ece: expected calibration error, 15 bins, likewise.
        accuracy: for each corruption, at each severity.
        ece: likewise.
    """

    source: str
    suite: str
    frost: str
    images: int
    pixels: tuple[int, int]
    seed: int
    severities: tuple[int, ...]
    clean_accuracy: float
    clean_ece: float
    accuracy: Mapping[str, tuple[float, ...]]
    ece: Mapping[str, tuple[float, ...]]

    @property
    def errors(self) -> dict[str, tuple[float, ...]]:
        """1 − accuracy."""
        return {name: tuple(1 - value for value in values) for name, values in self.accuracy.items()}

    @property
    def corruption_error(self) -> float:
        """Mean corruption error, un-normalised: see :func:`~headstart.evaluation.corruptions.mean_error`."""
        return mean_error(self.errors)

    @property
    def corruption_accuracy(self) -> float:
        return 1 - self.corruption_error

    @property
    def gap(self) -> float:
        """What corruption costs: clean accuracy less the mean under corruption."""
        return self.clean_accuracy - self.corruption_accuracy

    @property
    def corruption_ece(self) -> float:
        """Mean expected calibration error over corruptions and severities."""
        return mean_error(self.ece)

    @property
    def whole(self) -> bool:
        """Whether all fifteen corruptions and five severities are there."""
        return set(self.accuracy) == set(CORRUPTIONS) and self.severities == SEVERITIES

    @property
    def mce(self) -> float | None:
        """MCE over AlexNet's errors; None for a part of the suite, and for ``cifar-c``, for which there are none.

        It can be compared with published numbers only on ImageNet's own classes.
        """
        return mce(self.errors) if self.whole and self.suite == "imagenet-c" else None

    @property
    def relative_mce(self) -> float | None:
        """Relative mCE, likewise."""
        if self.mce is None:
            return None
        return relative_mce(self.errors, 1 - self.clean_accuracy)

    def to_dict(self) -> dict[str, Any]:
        """All numbers as JSON values: what was measured, and ``summary``, what follows from it."""
        measured = {field.name: getattr(self, field.name) for field in fields(self)}
        measured.update(
            pixels=list(self.pixels),
            severities=list(self.severities),
            accuracy={name: list(values) for name, values in self.accuracy.items()},
            ece={name: list(values) for name, values in self.ece.items()},
        )
        summary = {
            name: getattr(self, name)
            for name in ("corruption_accuracy", "corruption_error", "gap", "corruption_ece", "mce", "relative_mce")
        }
        return {**measured, "summary": summary}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CorruptionResult:
        """From what :meth:`to_dict` gave."""
        kept = {field.name: values[field.name] for field in fields(cls)}
        for name in ("pixels", "severities"):
            kept[name] = tuple(kept[name])
        for name in ("accuracy", "ece"):
            kept[name] = {key: tuple(row) for key, row in kept[name].items()}
        return cls(**kept)
