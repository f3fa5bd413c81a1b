"""A trained model in use: from images to the names of classes, with probabilities that can be believed.

Shapes: B images, C channels, H rows, W columns, K classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from headstart.data import normalize
from headstart.errors import HeadstartError
from headstart.training.calibrating import calibrated, kept_facts
from headstart.training.exported import is_exported, load_exported
from headstart.training.facts import Facts
from headstart.training.inspection import Run, load_run, stored_recipe, with_weights
from headstart.training.pictures import Picture, one_by_one, read_picture
from headstart.training.recipe import Recipe

__all__ = ["Prediction", "Predictor", "load"]


@dataclass(frozen=True)
class Prediction:
    """What a model says of one image.

    Args:
        label: name of the likeliest class.
        probability: that it is this class, calibrated.
        top: the likeliest classes with their probabilities, likeliest first.
    """

    label: str
    probability: float
    top: tuple[tuple[str, float], ...]


class Predictor:
    """A trained model with all that it takes to use it; see :func:`load`.

    Args:
        recipe: how it was trained.
        facts: classes, shape, normalisation, temperature.
        stored: the model as it was trained, for normalised and arranged images.
    """

    def __init__(self, recipe: Recipe, facts: Facts, stored: nn.Module) -> None:
        self.recipe, self.facts, self.stored = recipe, facts, stored.eval()
        # A model of permuted patches permutes what it is given, so that nobody else has to know.
        self.model = Run(recipe, facts.dataset(recipe), self.stored, True).classifier.eval()

    @property
    def classes(self) -> tuple[str, ...]:
        """Name of each class, in the order of the logits."""
        return self.facts.classes

    def read(self, image: Picture) -> Tensor:
        """One image as stored in training: uint8 (C, H, W). What may be handed in says :meth:`predict`."""
        return read_picture(image, self.facts.image_shape)

    def preprocess(self, image: Picture) -> Tensor:
        """One image as :attr:`model` takes it: upright, resized, cropped and normalised, float32 (C, H, W)."""
        return normalize(self.read(image)[None], self.facts.mean, self.facts.std)[0]

    @torch.inference_mode()
    def logits(self, images: Tensor) -> Tensor:
        """Logits, float32 (B, K) on the CPU, of uint8 images (B, C, H, W) as :meth:`read` gives them."""
        device = next(self.model.parameters()).device
        return self.model(normalize(images.to(device), self.facts.mean, self.facts.std)).float().cpu()

    def probabilities(self, images: Tensor) -> Tensor:
        """softmax(logits / T), (B, K), of uint8 images (B, C, H, W)."""
        return (self.logits(images) / self.facts.temperature).softmax(dim=1)

    def predict(self, images: Picture | Iterable[Picture], *, top: int = 5, batch_size: int = 64) -> list[Prediction]:
        """What each image shows.

        Args:
            images: one or many: paths of image files, Pillow images, uint8 arrays or tensors (H, W), (H, W, C) or
                (C, H, W), or a batch (B, H, W, C) or (B, C, H, W).
            top: how many classes to name; all, if there are fewer.
            batch_size: images that go through the model at once.

        Returns:
            A prediction for each image, in their order; a list for one image too.

        Raises:
            HeadstartError: for an image that is none, naming it, and a number below 1.
        """
        if top < 1 or batch_size < 1:
            raise HeadstartError(f"expected top and batch_size of 1 or more, got {top} and {batch_size}.")
        given = one_by_one(images)
        found: list[Prediction] = []
        for first in range(0, len(given), batch_size):
            pixels = torch.stack([self.read(image) for image in given[first : first + batch_size]])
            best = self.probabilities(pixels).topk(min(top, len(self.classes)), dim=1)
            for shares, numbers in zip(best.values.tolist(), best.indices.tolist(), strict=True):
                named = tuple((self.classes[k], share) for k, share in zip(numbers, shares, strict=True))
                found.append(Prediction(*named[0], named))
        return found


def load(path: str | Path, *, device: torch.device | str = "cpu") -> Predictor:
    """A trained model, ready to predict.

    The first time a run is loaded its validation images are read to fit the temperature, which is then kept in the
    run folder (``calibration.json``); afterwards no data are needed. An exported model carries it.

    Args:
        path: a run folder of ``headstart train``, or one arm's seed folder of ``headstart compare``; or a
            ``headstart.safetensors`` of ``headstart export``, or the folder with it.
        device: where to run the model.

    Raises:
        HeadstartError: when nothing usable is there, or a newer version wrote it.
    """
    path = Path(path)
    if is_exported(path):
        predictor = Predictor(*load_exported(path))
    else:
        facts = kept_facts(path)
        if facts is not None:
            recipe = stored_recipe(path)
            model = with_weights(recipe, facts.dataset(recipe), path / "model.safetensors")
        else:
            run = load_run(path)
            recipe, model, facts = run.recipe, run.model, calibrated(run, path)
        predictor = Predictor(recipe, facts, model)
    predictor.model.to(device)
    return predictor
