"""A run opened again: its model with the last weights, and images to look at."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from headstart.data import Dataset
from headstart.errors import HeadstartError
from headstart.training.build import build_dataset, sample_images
from headstart.training.checkpoint import load_weights, read_meta
from headstart.training.kept import newest_pass, position
from headstart.training.provenance import versions
from headstart.training.recipe import Recipe
from headstart.training.run_folder import read_config
from headstart.training.trainee import build_trainee

__all__ = ["Run", "load_run", "stored_recipe", "with_weights"]


@dataclass(frozen=True)
class Run:
    """A trained or half-trained model and what it was trained on."""

    recipe: Recipe
    dataset: Dataset
    model: nn.Module  # in eval mode, on the CPU
    finished: bool
    passes: int = 0  # that are behind these weights

    def pictures(self, count: int) -> Tensor:
        """``count`` validation images as stored, uint8 (count, C, height, width); at every call the same."""
        return sample_images(self.dataset.val, count, self.recipe.split_seed)

    def normalize(self, pictures: Tensor) -> Tensor:
        """Stored images as the model sees them: normalised, and with their patches in its order."""
        return self.dataset.seen(pictures)

    @property
    def classifier(self) -> nn.Module:
        """The model for normalised images as they are stored: one trained on permuted patches permutes them first."""
        return self.model if self.dataset.places is None else _Permuting(self.model, self.dataset)

    @property
    def title(self) -> str:
        """What this is, in a line."""
        state = "trained" if self.finished else "half-trained"
        start = "+".join([self.recipe.init, *self.recipe.methods])
        return f"{self.recipe.dataset_name}, {start}, seed {self.recipe.seed}, {state}"


class _Permuting(nn.Module):
    def __init__(self, model: nn.Module, dataset: Dataset) -> None:
        super().__init__()
        self.model, self.dataset = model, dataset

    def forward(self, images: Tensor) -> Tensor:
        return self.model(self.dataset.arrange(images))


def load_run(folder: str | Path) -> Run:
    """The run in ``folder``: final weights when it is finished, else those after its last finished pass.

    Raises :class:`~headstart.errors.HeadstartError` when the folder holds no run.
    """
    folder = Path(folder)
    if not folder.is_dir():
        near = _near(folder)
        hint = f"did you mean {' or '.join(near)}?" if near else "expected one that `headstart train` wrote."
        raise HeadstartError(f"there is no run folder {folder}; {hint}")
    if (folder / "results.json").exists():
        runs = sorted(path.parent.relative_to(folder).as_posix() for path in folder.glob("*/*/result.json"))
        raise HeadstartError(f"{folder} holds a comparison; name one of its runs: {', '.join(runs)}.")
    recipe = stored_recipe(folder)
    dataset = build_dataset(recipe)
    final = folder / "model.safetensors"
    finished = final.exists()
    weights = final if finished else newest_pass(folder)
    if weights is None:
        raise HeadstartError(f"{folder} has no finished pass yet; run it for at least one pass.")
    passes = recipe.passes if finished else position(read_meta(weights))[0]
    model = with_weights(recipe, dataset, weights, passes / recipe.passes)
    return Run(recipe, dataset, model, finished, passes)


def _near(folder: Path) -> list[str]:
    """Runs of nearly that name, or of one that goes on behind it, beside where it would be or in ``runs``."""
    places = {path.parent for place in (folder.parent, Path("runs")) for path in place.glob("*/config.json")}
    by_name = {place.name: place for place in sorted(places)}
    near = difflib.get_close_matches(folder.name, by_name, n=3, cutoff=0.7)
    longer = [name for name in by_name if name.startswith(f"{folder.name}-") and name not in near]
    return [str(by_name[name]) for name in [*near, *longer][:3]]


def stored_recipe(folder: Path) -> Recipe:
    """The recipe of a run folder.

    Raises :class:`~headstart.errors.HeadstartError` when the folder is no run's, or a newer version's.
    """
    stored = read_config(folder)
    keys = {key: value for key, value in stored["config"].items() if key != "scheme"}
    try:
        return Recipe(**{**keys, "dataset": stored.get("dataset", keys["dataset"])})
    except HeadstartError as error:
        theirs, ours = stored.get("versions", {}).get("headstart"), versions()["headstart"]
        if theirs == ours:
            raise
        raise HeadstartError(
            f"{folder} was written by headstart {theirs}, and this is {ours}, which does not know all of its recipe: "
            f"{error} Use the version that wrote it, or a newer one."
        ) from None


def with_weights(recipe: Recipe, dataset: Dataset, weights: Path, progress: float = 1.0) -> nn.Module:
    """The recipe's model in evaluation mode with the weights in a file, its methods as far as ``progress``, 0 to 1.

    Of the dataset it matters what an image and the classes are; its splits may be empty.
    """
    trainee = build_trainee(recipe, dataset, training=False)
    load_weights(weights, trainee.model)
    trainee.update(progress)
    return trainee.model.eval()
