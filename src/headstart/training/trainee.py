"""A model and the methods that train with it, called as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from headstart.attention import attention_view
from headstart.data import Dataset
from headstart.errors import HeadstartError
from headstart.evaluation import Cost, cost
from headstart.methods import Method, Step, resolve_methods
from headstart.models.vit import VisionTransformer
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
        costs: what each of them adds, a line of text each.
    """

    def __init__(self, model: VisionTransformer, methods: Sequence[Method] = (), costs: Sequence[str] = ()) -> None:
        super().__init__()
        self.costs = list(costs)
        self.model, self.methods = model, nn.ModuleList(methods)

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
        """Logits (B, K), and the sum of the methods' losses or None; arguments as in a part of a step."""
        if not any(method.has_loss for method in self.each):
            return self.model(images, drops), None
        tokens = self.model.forward_features(images, drops)
        logits = self.model.forward_head(tokens)
        extra, used = None, 0
        for method in self.each:
            mine = images.new_zeros(len(images), 0) if draws is None else draws[:, used : used + method.draws]
            used += method.draws
            loss = method.loss(Step(tokens, logits, targets, mine))
            if loss is not None:
                extra = loss if extra is None else extra + loss
        return logits, extra

    def update(self, progress: float) -> None:
        """Tell the methods how far training is, from 0 to 1."""
        for method in self.each:
            method.update(progress)


def build_trainee(recipe: Recipe, dataset: Dataset) -> Trainee:
    """The recipe's model with its usual weights and its methods attached; global random state untouched.

    Raises :class:`~headstart.errors.HeadstartError` for unknown methods, and what they can't work on.
    """
    methods = resolve_methods(recipe.methods)
    model = build_model(recipe, dataset)
    shape = dataset.train.image_shape
    sizes = [cost(model, shape)] if methods else []
    for index, method in enumerate(methods):
        with seeded(recipe.seed, "methods", index):
            # What comes back still has blocks, forward_features and forward_head.
            model = cast(VisionTransformer, method.attach(model, attention_view(model)))
        shared = set(method.modules()) & set(model.modules())
        if shared:
            names = ", ".join(sorted(type(module).__name__ for module in shared))
            raise HeadstartError(
                f"method {method.name!r} holds parts of the model as its own ({names}), which would train and be saved "
                "twice; keep them in a list, self.parts = [...], which PyTorch does not look into."
            )
        method.update(1.0)  # the cost of what is kept
        sizes.append(cost(model, shape))
    costs = [_cost_line(*each) for each in zip(methods, sizes[:-1], sizes[1:], strict=True)]
    trainee = Trainee(model, methods, costs)
    trainee.update(0.0)
    return trainee


def _cost_line(method: Method, before: Cost, after: Cost) -> str:
    """What a method adds to the model, and what it has for itself while it trains."""
    parameters, flops = after.parameters - before.parameters, after.flops - before.flops
    line = f"{method.name}: {_signed(parameters / 1e6)} M parameters, {_signed(flops / 1e9)} GFLOP an image"
    own = sum(parameter.numel() for parameter in method.parameters())
    return f"{line}; {own / 1e6:.3g} M parameters of its own in training" if own else line


def _signed(value: float) -> str:
    return f"{value:+.3g}" if value else "0"
