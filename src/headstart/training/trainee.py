"""A model and the methods that train with it, called as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from headstart.attention import attention_view
from headstart.attention.hooks import evaluating
from headstart.data import Dataset
from headstart.errors import HeadstartError
from headstart.evaluation import Cost, cost
from headstart.methods import Method, Step, resolve_methods
from headstart.models.vit import VisionTransformer
from headstart.training.architectures import takes_draws
from headstart.training.build import build_model
from headstart.training.recipe import Recipe
from headstart.training.seeds import seeded

__all__ = ["Trainee", "build_trainee"]


class Trainee(nn.Module):
    """What goes through the model in a training step, and the methods' losses with it: one call, so that several
    processes average all gradients, and mixed precision reaches all of it.

    Args:
        model: with every method attached.
        methods: in the order in which they were attached.
        label_smoothing: of the recipe's loss.
        costs: what each of them adds, a line of text each.
    """

    def __init__(
        self,
        model: nn.Module,
        methods: Sequence[Method] = (),
        label_smoothing: float = 0.0,
        costs: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.costs, self.label_smoothing = list(costs), label_smoothing
        self.model, self.methods = model, nn.ModuleList(methods)
        self.takes_draws = takes_draws(model)

    @property
    def depth(self) -> int:
        """Blocks that are given numbers for their stochastic depth; 0 for models that draw their own."""
        return len(cast(VisionTransformer, self.model).blocks) if self.takes_draws else 0

    @property
    def draws(self) -> int:
        """Uniform numbers that the methods want for each image of a step."""
        return sum(method.draws for method in self.each)

    @property
    def each(self) -> list[Method]:
        """The methods, typed."""
        return [method for method in self.methods if isinstance(method, Method)]

    def forward(
        self, images: Tensor, drops: Tensor | None, targets: Tensor, draws: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Logits (B, K), and the sum of the methods' losses or None; arguments as in a part of a step.

        In training mode methods change the images first; in evaluation mode they are left as they are.
        """
        extra: Tensor | None = None
        before = [images] * len(self.methods)
        if self.training:
            images, extra, before = self.augmented(images, draws)
        given: tuple[Any, ...] = (images, drops) if self.takes_draws else (images,)
        if not any(method.has_loss for method in self.each):
            return self.model(*given), extra
        model = cast(VisionTransformer, self.model)  # or another with forward_features and forward_head
        features: list[Tensor] = []
        if any(method.wants_features for method in self.each):
            tokens = model.forward_features(images, drops, features)
        else:
            tokens = model.forward_features(*given)
        logits = model.forward_head(tokens)
        criterion = partial(F.cross_entropy, target=targets, label_smoothing=self.label_smoothing)
        for (method, mine), got in zip(self._drawn(images, draws), before, strict=True):
            loss = method.loss(Step(tokens, logits, targets, mine, images, criterion, tuple(features), got))
            extra = _sum(extra, loss)
        return logits, extra

    def augmented(self, images: Tensor, draws: Tensor | None) -> tuple[Tensor, Tensor | None, list[Tensor]]:
        """The images as the methods change them, one after the other, the sum of what they add to the loss, and the
        images that each of them got.
        """
        extra, given = None, []
        for method, mine in self._drawn(images, draws):
            given.append(images)
            if method.augments:
                images, loss = method.augment(images, mine)
                extra = _sum(extra, loss)
        return images, extra, given

    def _drawn(self, images: Tensor, draws: Tensor | None) -> Iterator[tuple[Method, Tensor]]:
        """Each method with the draws that are its own."""
        used = 0
        for method in self.each:
            mine = images.new_zeros(len(images), 0) if draws is None else draws[:, used : used + method.draws]
            used += method.draws
            yield method, mine

    def gradients(self) -> None:
        """Tell the methods that the gradients of a step are there."""
        for method in self.each:
            method.gradients()

    def update(self, progress: float) -> None:
        """Tell the methods how far training is, from 0 to 1."""
        for method in self.each:
            method.update(progress)


def build_trainee(recipe: Recipe, dataset: Dataset, *, training: bool = True) -> Trainee:
    """The recipe's model with its usual weights and its methods attached; global random state untouched.

    With ``training`` false the model is going to be given its trained weights, and no teacher is read.

    Raises :class:`~headstart.errors.HeadstartError` for unknown models and methods, and what these can't work on.
    """
    methods = resolve_methods(recipe.methods)
    model = build_model(recipe, dataset)
    shape = dataset.train.image_shape
    sizes = [cost(model, shape)] if methods else []
    for index, method in enumerate(methods):
        with seeded(recipe.seed, "methods", index):
            model = method.attach(model, attention_view(model))
        shared = set(method.modules()) & set(model.modules())
        if shared:
            names = ", ".join(sorted(type(module).__name__ for module in shared))
            raise HeadstartError(
                f"method {method.name!r} holds parts of the model as its own ({names}), which would train and be saved "
                "twice; keep them in a list, self.parts = [...], which PyTorch does not look into."
            )
        method.update(1.0)  # the cost of what is kept
        sizes.append(cost(model, shape))
    for method in methods:
        _check_model(method, model)
        if training:
            method.begin(model)
    trainee = Trainee(model, methods, recipe.label_smoothing)
    if training:
        own = [_own_flops(method, model, shape, recipe.seed) for method in methods]
        trainee.costs = [_cost_line(*each) for each in zip(methods, sizes[:-1], sizes[1:], own, strict=True)]
    trainee.update(0.0)
    return trainee


def _check_model(method: Method, model: nn.Module) -> None:
    """Whether the model gives what the method's loss is made of."""
    if method.wants_features and not isinstance(model, VisionTransformer):
        raise HeadstartError(
            f"method {method.name!r} looks at what each block gives, which {type(model).__name__} does not tell; use "
            "it with the library's own ViT, --set model=tiny."
        )
    if method.has_loss and not (hasattr(model, "forward_features") and hasattr(model, "forward_head")):
        raise HeadstartError(
            f"method {method.name!r} looks at the final tokens, which {type(model).__name__} does not give "
            "(forward_features, forward_head); use it with the library's own ViT or one of timm."
        )


def _own_flops(method: Method, model: nn.Module, shape: tuple[int, int, int], seed: int) -> int:
    """Operations of a method's loss and of its changes to one image in a forward pass: what trains beside the model."""
    if not (method.has_loss or method.augments):
        return 0
    method.update(0.5)  # a schedule may begin, or end, at nothing
    trainee = Trainee(model, [method])
    images, targets = torch.zeros(2, *shape), torch.zeros(2, dtype=torch.int64)
    counter = FlopCounterMode(display=False)
    with seeded(seed, "cost"), evaluating(trainee), torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        draws = torch.zeros(2, method.draws)
        trainee.augmented(images, draws)
        if method.has_loss:
            trainee(images, None, targets, draws)
    return counter.get_total_flops() // 2 - (cost(model, shape).flops if method.has_loss else 0)


def _cost_line(method: Method, before: Cost, after: Cost, own_flops: int) -> str:
    """What a method adds to the model, and what it has for itself while it trains."""
    parameters, flops = after.parameters - before.parameters, after.flops - before.flops
    line = f"{method.name}: {_signed(parameters / 1e6)} M parameters, {_signed(flops / 1e9)} GFLOP an image"
    own = sum(parameter.numel() for parameter in method.parameters())
    if own or own_flops:
        line += f"; in training {own / 1e6:.3g} M parameters and {own_flops / 1e9:.3g} GFLOP of its own beside it"
    return line


def _sum(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other


def _signed(value: float) -> str:
    return f"{value:+.3g}" if value else "0"
