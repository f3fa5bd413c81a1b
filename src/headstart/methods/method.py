"""What a small-data method is: a class with up to three moments, two more for methods with a teacher, and one for those
that change images.

Shapes: ``B`` images, ``N`` tokens (``P`` prefix tokens first, then the grid in row-major order), ``D`` width, ``K``
classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from headstart.attention import AttentionView

__all__ = ["Method", "Step"]


@dataclass(frozen=True)
class Step:
    """What a method's loss is given of a training step.

    Args:
        tokens: what the last block gives, (B, N, D); normalised where the model does so before it pools (a class
            token), not where it pools first (the mean of the patches).
        logits: (B, K).
        targets: int64 (B,), or shares of the classes, float32 (B, K), where images are mixed.
        draws: uniform numbers in [0, 1) that are the method's own in this step, (B, ``method.draws``).
        images: what the model saw, (B, C, height, width), augmented and normalised, and as methods changed them.
        criterion: the recipe's loss of any logits (B, K) against ``targets``, label smoothing and all; the mean over
            the images. The model's own, ``criterion(logits)``, is in the loss already.
        features: what each block gave, (B, N, D) each, where the method asks for it with ``wants_features``.
        given: the images as ``augment`` of the method got them, (B, C, height, width), where it is one that augments.
    """

    tokens: Tensor
    logits: Tensor
    targets: Tensor
    draws: Tensor
    images: Tensor
    criterion: Callable[[Tensor], Tensor]
    features: tuple[Tensor, ...] = ()
    given: Tensor | None = None


class Method(nn.Module):
    """A way of training a ViT on little data, as one switch; each moment that a method has no use for stays as it is.

    Arguments of ``__init__`` are the options, all with defaults: ``--with drloc:weight=0.5`` calls
    ``DRLoc(weight=0.5)``. A method is a module, so its own parameters join the optimizer and its checkpoints; they are
    not part of the model that is kept. Parts of the model that it wants to find again it keeps in a list
    (``self.parts = [module]``), where PyTorch does not take them for the method's.

    Three rules make a method work in every run, cut, averaged, in parts, in several processes or many at once: random
    numbers come from ``step.draws`` (and, in ``attach``, from torch's global state, which is the run's own there);
    what changes while the model trains is a function of ``progress`` and lies in buffers of the model with
    ``persistent=False``, changed in place; and no loss looks at other images of the batch.
    """

    name: ClassVar[str] = ""
    has_loss: ClassVar[bool] = False
    augments: ClassVar[bool] = False  # whether ``augment`` is to be called
    wants_features: ClassVar[bool] = False  # whether ``step.features`` is to be there
    draws: int = 0  # uniform numbers wanted for each image of a step
    rate: float = 1.0  # of its own parameters' learning, as a multiple of the recipe's lr

    def attach(self, model: nn.Module, view: AttentionView) -> nn.Module:
        """Surgery, once, after the model has its usual weights and before its initialization and the optimizer.

        Returns the model to train: the same one, changed in place or not, or another that has it inside.

        Raises :class:`~headstart.errors.HeadstartError` for a model that the method can't work on.
        """
        return model

    def begin(self, model: nn.Module) -> None:
        """Once, after all methods are attached to ``model``, where it is going to be trained: read a teacher's weights.

        Not called when a trained model is opened again, which then needs no teacher.
        """

    def augment(self, images: Tensor, draws: Tensor) -> tuple[Tensor, Tensor | None]:
        """Where ``augments`` says so, what the model sees in a training step; in evaluation nothing is changed.

        Args:
            images: (B, C, height, width), augmented and normalised, and as the methods before this one changed them.
            draws: the method's own in this step, as in :class:`Step`: the same numbers that its loss gets.

        Returns:
            images of the same shape, each a function of itself and its own draws, and a number to add to the loss, the
            mean over the images, weighed already, or None. Gradients of the loss flow through the images to the
            method's own parameters.
        """
        return images, None

    def loss(self, step: Step) -> Tensor | None:
        """A number to add to the loss, the mean over the images of ``step``, weighed already."""
        return None

    def gradients(self) -> None:
        """After the backward passes of a step, before gradients are clipped: change them in place."""

    def update(self, progress: float) -> None:
        """Be as it should at ``progress``, from 0 (before the first step) to 1 (after the last)."""
