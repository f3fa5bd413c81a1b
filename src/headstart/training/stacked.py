"""Many small models trained as one: a single small model leaves a large GPU idle, most of a step being launches.

Shapes: ``M`` models, ``B`` images of each in a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from headstart.errors import HeadstartError
from headstart.training.alike import check_alike
from headstart.training.batching import BatchesWell

__all__ = ["Stacked"]


class Stacked:
    """M models of one architecture whose weights are rows of common tensors, run as one batched program.

    For every parameter of shape (…) there is one leaf tensor (M, …) in :attr:`stacks`; model ``i``'s own
    ``Parameter`` stays the same object, but its data is row ``i``, and its gradient row ``i`` of the leaf's. So
    everything that works on a single model goes on working on each and is seen by the stack at once: optimizers,
    ``clip_grad_norm_``, moving averages, ``state_dict`` and ``load_state_dict``, evaluation. Buffers are rows too.

    >>> models = [nn.Linear(4, 2) for _ in range(3)]
    >>> stacked = Stacked(models)
    >>> logits = stacked(torch.ones(3, 8, 4))  # each model has a batch of its own
    >>> logits.sum().backward()
    >>> models[2].bias.grad
    tensor([8., 8.])

    The loss is to be the *sum* of the models' losses: each model's gradient is then that of its own loss.
    ``zero_grad`` of a model or an optimizer may set gradients to None; they are nought and attached again before the
    next backward pass writes to them. A parameter that the forward pass does not use has a gradient of nought here,
    where a single model's is None: an optimizer's weight decay does not pass it over.

    ``models[0]`` lends its code: its forward pass is run with the others' weights in place of its own, so all have
    to be in the same mode, and hooks are those of ``models[0]``.

    Raises :class:`~headstart.errors.HeadstartError` for models that are not alike or can't be batched, and when
    called after a model was moved or cast, with models in different modes, with inputs that are not M batches, and
    for a forward pass that draws random numbers (draws have to be handed in).
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        self.models = tuple(models)
        check_alike(self.models)
        self.stacks: dict[str, Tensor] = {}
        self._buffers: dict[str, Tensor] = {}
        # What each call looks at: (model, name, the model's tensor, address and requires_grad it has to have) …
        self._rows: list[tuple[int, str, Tensor, int, bool]] = []
        # … and what each backward pass does: (leaf, its gradient), (parameter, its row of the gradient).
        self._leaves: list[tuple[Tensor, Tensor]] = []
        self._gradients: list[tuple[nn.Parameter, Tensor]] = []
        for name in dict(self.models[0].named_parameters()):
            self._stack(name, [model.get_parameter(name) for model in self.models], self.stacks)
        for name in dict(self.models[0].named_buffers()):
            self._stack(name, [model.get_buffer(name) for model in self.models], self._buffers)
        self._attach()
        self._places = [
            (name, modules)
            for (name, _), *modules in zip(
                self.models[0].named_modules(), *(model.modules() for model in self.models), strict=True
            )
        ]
        self._run = self._batched

    def _stack(self, name: str, tensors: Sequence[Tensor], into: dict[str, Tensor]) -> None:
        stack = torch.stack([tensor.detach() for tensor in tensors])
        into[name] = stack.requires_grad_(tensors[0].requires_grad)
        for index, tensor in enumerate(tensors):
            tensor.data = row = stack.detach()[index]
            self._rows.append((index, name, tensor, row.data_ptr(), tensor.requires_grad))
        if stack.requires_grad:
            stack.grad = torch.zeros_like(stack)
            self._leaves.append((stack, stack.grad))
            self._gradients += zip(tensors, stack.grad.unbind(), strict=True)  # type: ignore[arg-type]

    def __call__(self, images: Tensor, *extras: Tensor | None) -> Tensor:
        """Logits (M, B, classes) for ``images`` (M, B, C, height, width).

        ``extras``: (M, …), further inputs of each model's forward pass, None for none: the draws of stochastic
        depth, (M, B, depth, 2), for the library's own ViT.
        """
        self._check(images, *extras)
        try:
            logits = self._run(self.stacks, self._buffers, images, *extras)
        except RuntimeError as error:
            if "called random operation" not in str(error):
                raise
            raise HeadstartError(
                f"{type(self.models[0]).__name__} draws random numbers in its forward pass (dropout, stochastic "
                "depth); hand the draws in as a further input, or train these models separately."
            ) from error
        if logits.requires_grad:
            logits.register_hook(self._attach)
        return logits

    def compile(self, **options: Any) -> None:
        """Compile what a call runs, in place, as ``nn.Module.compile`` does; ``options`` are ``torch.compile``'s."""
        self._run = torch.compile(self._batched, **options)

    def zero_grad(self) -> None:
        """Set all gradients to nought, in place: one launch, where M optimizers need more."""
        self._attach()
        torch._foreach_zero_([gradient for _, gradient in self._leaves])

    def clip_grad_norm_(self, max_norm: float) -> Tensor:
        """Clip each model's gradient to ``max_norm`` by itself; returns the norms before, (M,).

        The same as ``torch.nn.utils.clip_grad_norm_`` on each model's parameters, in about a sixth of the host's time
        for nine models.
        """
        gradients = [gradient for _, gradient in self._leaves]
        norms = torch.linalg.vector_norm(torch.stack([g.reshape(len(g), -1).norm(dim=1) for g in gradients]), dim=0)
        factors = (max_norm / (norms + 1e-6)).clamp(max=1.0)
        torch._foreach_mul_(gradients, [factors.view(-1, *[1] * (g.ndim - 1)) for g in gradients])
        return norms

    def _batched(
        self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], images: Tensor, *extras: Tensor | None
    ) -> Tensor:
        def one(parameters: dict[str, Tensor], buffers: dict[str, Tensor], *inputs: Tensor | None) -> Tensor:
            return functional_call(self.models[0], (parameters, buffers), inputs)

        dims = tuple(None if extra is None else 0 for extra in extras)
        with BatchesWell():
            return torch.vmap(one, (0, 0, 0, *dims), randomness="error")(parameters, buffers, images, *extras)

    def _attach(self, _: Tensor | None = None) -> None:
        """Let the parameters' gradients be the rows again; those that were set to None are nought."""
        lost = [(parameter, row) for parameter, row in self._gradients if parameter.grad is not row]
        empty = [row for parameter, row in lost if parameter.grad is None]
        if empty:
            torch._foreach_zero_(empty)
        for parameter, row in lost:
            if parameter.grad is not None:
                row.copy_(parameter.grad)
            parameter.grad = row

    def _check(self, *inputs: Tensor | None) -> None:
        count = len(self.models)
        for tensor in inputs:
            if tensor is not None and (tensor.ndim < 2 or len(tensor) != count):
                raise HeadstartError(
                    f"expected inputs of shape ({count}, B, …), a batch for each of the {count} models, got "
                    f"{tuple(tensor.shape)}; stack them with torch.stack, or expand one batch for all."
                )
        for index, name, tensor, address, trained in self._rows:
            if tensor.data_ptr() != address or tensor.requires_grad != trained:
                what = "was moved, cast or assigned" if tensor.data_ptr() != address else "was frozen or unfrozen"
                raise HeadstartError(
                    f"{name} of model {index} {what} after stacking, so the stack no longer sees it; do that first, "
                    "then make a new Stacked (load_state_dict copies in place and is fine)."
                )
        if any(leaf.grad is not gradient for leaf, gradient in self._leaves):
            raise HeadstartError(
                "a stack's gradient was replaced, so the models' gradients no longer are its rows; call backward "
                "without create_graph, and zero_grad of the models, the optimizers or the Stacked."
            )
        for name, (first, *others) in self._places:
            for index, module in enumerate(others, 1):
                if module.training != first.training:
                    raise HeadstartError(
                        f"{name or 'the whole'} of model {index} is in {_mode(module)} mode and that of model 0 in "
                        f"{_mode(first)} mode; call train() or eval() on all models before a stacked step."
                    )


def _mode(module: nn.Module) -> str:
    return "training" if module.training else "evaluation"
