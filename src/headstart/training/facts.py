"""What has to be known of a model to use it without its training data: classes, shape, normalisation, temperature."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch

from headstart.data import Dataset, Split
from headstart.errors import HeadstartError
from headstart.training.build import arranged
from headstart.training.recipe import Recipe

__all__ = ["Facts"]


@dataclass(frozen=True)
class Facts:
    """Beside weights and recipe, all that a prediction is made of.

    Args:
        classes: name of each class, in the order of the logits.
        image_shape: (C, H, W) of what the model takes.
        mean: of each channel, pixels scaled to [0, 1].
        std: likewise.
        temperature: T, by which logits are divided before the softmax.
        images: validation images that T was fitted on.
        nll: mean negative log-likelihood of their labels before and after.
        ece: expected calibration error before and after.
        accuracy: share of them that is classified rightly; the temperature changes nothing about it.
    """

    classes: tuple[str, ...]
    image_shape: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    temperature: float
    images: int
    nll: tuple[float, float]
    ece: tuple[float, float]
    accuracy: float

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, stored: Any) -> Facts:
        """What :meth:`to_json` gave. Raises :class:`~headstart.errors.HeadstartError` for anything else."""
        try:
            found = {key: stored[key] for key in cls.__dataclass_fields__}
            values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}
            return cls(**values)
        except (KeyError, TypeError) as error:
            raise HeadstartError(f"expected the facts of a model, and they lack {error}.") from None

    def dataset(self, recipe: Recipe) -> Dataset:
        """The recipe's dataset without an image: enough to make the model and what it sees."""
        empty = Split(torch.empty(0, *self.image_shape, dtype=torch.uint8), torch.empty(0, dtype=torch.int64))
        dataset = Dataset(recipe.dataset_name, self.classes, empty, empty, empty, self.mean, self.std)
        return arranged(dataset, recipe)
