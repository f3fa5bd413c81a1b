"""What each step of a run sees: which images, and every random number that touches them.

All of it is a function of (seed, step), so a run that goes on needs no saved random state, and the processes of a run,
the parts of a batch and runs that train side by side take their rows of one and the same draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from headstart.data import Dataset, normalize
from headstart.data.augmentation import Augmentation
from headstart.data.fetching import fetch, to_device
from headstart.errors import HeadstartError
from headstart.training.processes import Processes
from headstart.training.recipe import Recipe
from headstart.training.recorded import Recorded
from headstart.training.seeds import generator

__all__ = ["Feed", "Part", "augmentation_of"]


@dataclass(frozen=True)
class Part:
    """What goes through the model at once.

    Args:
        images: float32 (b, C, H, W), augmented and normalised.
        targets: what the loss is taken to: int64 (b,), or float32 (b, classes) where images are mixed.
        labels: int64 (b,), of each image before it was mixed.
        drops: uniform (b, depth, 2) for stochastic depth, None without.
        draws: uniform (b, k) for the methods, None without.
    """

    images: Tensor
    targets: Tensor
    labels: Tensor
    drops: Tensor | None
    draws: Tensor | None = None


def augmentation_of(recipe: Recipe, dataset: Dataset) -> Augmentation:
    """The recipe's augmentation, for this dataset's colours."""
    return Augmentation(
        crop=recipe.crop,
        resized_crop=recipe.resized_crop,
        flip=recipe.flip,
        policy=recipe.augment,
        magnitude=recipe.magnitude,
        operations=recipe.operations,
        color_jitter=recipe.color_jitter,
        erase=recipe.erase,
        mixup=recipe.mixup,
        cutmix=recipe.cutmix,
        fill=tuple(round(255 * value) for value in dataset.mean) if recipe.fill == "mean" else (),
    )


class Feed:
    """The batches of a run, in the order that its seed gives.

    Args:
        recipe: seed, batch size, augmentation.
        dataset: on the processes' device, or on the host.
        processes: which rows of a batch are this one's.
        depth: blocks of the model, for the draws of stochastic depth.
        draws: uniform numbers that the methods want for each image.

    Raises :class:`~headstart.errors.HeadstartError` when the batch can't be cut as the recipe and the processes ask.
    """

    def __init__(self, recipe: Recipe, dataset: Dataset, processes: Processes, depth: int, draws: int = 0) -> None:
        self.recipe, self.dataset, self.device = recipe, dataset, processes.device
        self.depth, self.draws = depth, draws
        self.augmentation = augmentation_of(recipe, dataset)
        self.batch_size = min(recipe.batch_size, len(dataset.train))
        self.steps_per_pass = len(dataset.train) // self.batch_size
        self.pieces = processes.mine(self.batch_size, recipe.accumulate)
        if self.batch_size % recipe.repeats:
            raise HeadstartError(
                f"a batch of {self.batch_size} images can't hold each image {recipe.repeats} times; "
                f"use --set batch_size={max(1, self.batch_size // recipe.repeats) * recipe.repeats}, for example."
            )
        if (recipe.mixup or recipe.cutmix) and len(self.pieces[0]) % 2 and len(self.pieces[0]) < self.batch_size:
            raise HeadstartError(
                f"mixup and cutmix mix neighbours, and a piece of {len(self.pieces[0])} images of a batch of "
                f"{self.batch_size} parts one from its own; use a batch size that gives each piece an even number."
            )
        # A CPU picks out the images of each operation, which has other shapes each time; elsewhere all are done to all,
        # in many small kernels that a compiler makes few.
        compiled = recipe.compile and self.device.type != "cpu"
        self.augment: Callable[..., tuple[Tensor, ...]] = torch.compile(self._augment) if compiled else self._augment
        if processes.records(recipe):
            self.augment = Recorded(self.augment, "the augmentation")
        # The names of a batch's choices, the same for all; what was chosen is a table (see Draws).
        self.chosen = self.augmentation.draw(2, dataset.train.image_shape, generator(0, "names"))
        self.mean, self.std = (
            to_device(torch.tensor(values, dtype=torch.float32), self.device) for values in (dataset.mean, dataset.std)
        )

    def _augment(self, images: Tensor, labels: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
        """Stored images (b, C, H, W) and labels (b,), as the model and the loss get them; ``table`` of the draws."""
        draws = replace(self.chosen, table=table)
        seen = normalize(self.augmentation.apply(images, draws), self.mean, self.std)
        # Patches are permuted last: augmentation and mixing are the same with and without.
        mixed, targets = self.augmentation.mix(seen, labels, draws, len(self.dataset.classes))
        return self.dataset.arrange(mixed), targets

    def order(self, number: int) -> Tensor:
        """Which images the steps of pass ``number`` (from 1) see: int64 (steps, batch), on the CPU.

        With ``repeats`` above one a batch holds that many copies of fewer images, and a pass as many views of images
        as without, of fewer images (1901.09335; as in DeiT).
        """
        unique = self.batch_size // self.recipe.repeats
        every = torch.randperm(len(self.dataset.train), generator=generator(self.recipe.seed, "order", number))
        return every[: self.steps_per_pass * unique].view(-1, unique).repeat(1, self.recipe.repeats)

    def steps(self, number: int, done: int = 0) -> Iterator[Iterator[Part]]:
        """The parts of each step of pass ``number`` that this process takes, from behind ``done`` steps on."""
        mine = torch.cat(self.pieces)
        order = self.order(number)[done:]
        batches = fetch(self.dataset.train, (rows[mine] for rows in order), self.device)
        first = (number - 1) * self.steps_per_pass + done
        for step, (images, labels) in enumerate(batches, first):
            yield self._parts(step, images, labels)

    def _parts(self, step: int, images: Tensor, labels: Tensor) -> Iterator[Part]:
        recipe = self.recipe
        random = generator(recipe.seed, "step", step)
        every = self.augmentation.draw(self.batch_size, self.dataset.train.image_shape, random)
        drops = torch.rand(self.batch_size, self.depth, 2, generator=random) if recipe.drop_path else None
        # From a stream of their own: runs with and without a method see the same images, augmented alike.
        own = torch.rand(self.batch_size, self.draws, generator=generator(recipe.seed, "methods", step))
        size = len(self.pieces[0])
        for index, rows in enumerate(self.pieces):
            part = slice(index * size, (index + 1) * size)
            draws = every[rows].to(self.device, non_blocking=True)
            seen, targets = self.augment(images[part], labels[part], draws.table)
            yield Part(
                seen,
                targets,
                labels[part],
                None if drops is None else to_device(drops[rows], self.device),
                to_device(own[rows], self.device) if self.draws else None,
            )
