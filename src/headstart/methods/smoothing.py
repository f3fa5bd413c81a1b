"""Curriculum by smoothing (2003.01367): feature maps start blurred, and the blur shrinks while the model trains.

Shapes: ``B`` images, ``C`` channels of a feature map, ``h``, ``w`` its grid; ``N`` tokens, ``P`` prefix tokens first.
"""

from __future__ import annotations

import inspect
import math
from typing import Any, Literal

import torch
from torch import nn

from headstart.attention import AttentionView, BlockView
from headstart.attention.hooks import evaluating
from headstart.errors import HeadstartError, UnsupportedModel, unknown
from headstart.methods.blur import Blur, ValueBlur
from headstart.methods.method import Method
from headstart.methods.registry import register

__all__ = ["Smoothing"]

RELEASED: dict[str, Any] = {"where": "convolutions", "off_after": None}  # the rest of the defaults is as released


@register
class Smoothing(Method):
    """A Gaussian on feature maps whose width σ shrinks as training goes on: low frequencies are learned first.

    Each channel of a map x (B, C, h, w) becomes G_σ ⊛ x, zeros standing around the map, with G_σ (k, k) the sampled
    Gaussian of sum 1: G_σ[i, j] ∝ exp(−(i² + j²) / 2σ²), i, j = −(k−1)/2 … (k−1)/2. At progress p

        σ(p) = σ₀ · decay^⌊steps · p⌋, and no filter at all from ``off_after`` on.

    No parameters; the model's own keep their names, so its weights load into a plain one and back.

    Args:
        where: ``embedding``, the patch embedding's output, before position is added; ``values``, the values of every
            head, the prefix tokens' left alone; ``convolutions``, the output of every nn.Conv2d with a kernel larger
            than 1×1, before norm and activation, as in the paper. The last needs no view: ``attach(cnn, None)``.
        sigma: σ₀, in grid cells.
        decay: what σ is multiplied by at each drop.
        steps: drops over the whole training. The paper's 0.9 every 5 of 200 passes is 40.
        off_after: progress from which on the model is the plain one, bit for bit; 1 or None for never.
        evaluation: whether the filter of the moment is also there in evaluation mode; else evaluation is the plain
            model's, bit for bit.
        kernel: k, odd.
        control: ``reversed``, the same σ's in the opposite order, so that the blur grows until ``off_after``;
            ``constant``, σ₀ until ``off_after``; ``none``.
        preset: ``released`` is the released code's choice of everything but ``control``: ``convolutions``, never off.

    Differs from the paper in ``where`` and ``off_after``, unless ``preset="released"``. With ``convolutions`` the 1×1
    convolutions inside a bottleneck block are left out like those of shortcuts; the paper has none inside.

    Raises :class:`~headstart.errors.HeadstartError` for values out of range, for options beside a preset, and, when
    attached, for a model without what ``where`` names.
    """

    name = "smoothing"

    def __init__(
        self,
        where: Literal["embedding", "values", "convolutions"] = "embedding",
        sigma: float = 1.0,
        decay: float = 0.9,
        steps: int = 40,
        off_after: float | None = 0.7,
        evaluation: bool = True,
        kernel: int = 3,
        control: Literal["none", "reversed", "constant"] = "none",
        preset: Literal["none", "released"] = "none",
    ) -> None:
        super().__init__()
        _check(where, sigma, decay, steps, off_after, evaluation, kernel, control, preset)
        self.where, self.sigma, self.decay, self.steps = where, sigma, decay, steps
        self.off_after, self.evaluation, self.kernel, self.control = off_after, evaluation, kernel, control
        if preset == "released":
            self.where, self.off_after = RELEASED["where"], RELEASED["off_after"]
        self.parts: list[Blur] = []
        self.now: float | None = None  # the σ that the parts have

    def attach(self, model: nn.Module, view: AttentionView | None) -> nn.Module:
        """Put a filter behind each layer that ``where`` names; ``view`` may be None for ``convolutions``."""
        filters = _filters(self, model, view)
        for layer, blur in filters.items():
            if hasattr(layer, "smoothing"):
                raise HeadstartError(
                    f"{type(model).__name__} is smoothed already ({type(layer).__name__}); attach one smoothing to "
                    "a fresh model."
                )
            layer.add_module("smoothing", blur)
            # A hook that is a method of the layer's own child: in a deep copy it is the copy's child's.
            layer.register_forward_hook(blur.after)
        self.parts, self.now = list(filters.values()), None
        self.update(0.0)
        return model

    def sigma_at(self, progress: float) -> float:
        """σ at ``progress`` from 0 to 1, in grid cells; 0 once the filter is off."""
        end = 1.0 if self.off_after is None else self.off_after
        if progress >= end and end < 1:
            return 0.0
        drops = math.floor(self.steps * progress + 1e-9)  # 40 · 0.175 is to be 7
        if self.control == "reversed":  # each σ for as long as it would have been there
            drops = max(0, math.ceil(self.steps * (end - progress) - 1e-9) - 1)
        return self.sigma * self.decay ** (0 if self.control == "constant" else drops)

    def update(self, progress: float) -> None:
        """Give every filter the kernel of ``progress``, in place, when σ has changed."""
        sigma = self.sigma_at(progress)
        if sigma != self.now:
            self.now = sigma
            for blur in self.parts:
                blur.become(sigma)


def _check(*options: Any) -> None:
    """Raise for options, in the order of the method's, that are out of range or contradict each other."""
    defaults = {key: parameter.default for key, parameter in inspect.signature(Smoothing).parameters.items()}
    given = dict(zip(defaults, options, strict=True))
    for key, choices in (
        ("where", ("embedding", "values", "convolutions")),
        ("control", ("none", "reversed", "constant")),
        ("preset", ("none", "released")),
    ):
        if given[key] not in choices:
            raise unknown(f"{key} of smoothing", given[key], choices)
    off_after, side = given["off_after"], given["kernel"]
    for key, fits, wanted in (
        ("sigma", 0 <= given["sigma"] < math.inf, "a width of 0 or more, in grid cells"),
        ("decay", 0 < given["decay"] <= 1, "a factor above 0, at most 1"),
        ("steps", given["steps"] >= 0, "how often σ drops over the whole training, 0 or more"),
        ("off_after", off_after is None or 0 <= off_after <= 1, "a progress from 0 to 1, or None"),
        ("kernel", side >= 3 and side % 2 == 1, "an odd side of 3 or more"),
    ):
        if not fits:
            raise HeadstartError(f"smoothing: {key} has to be {wanted}; got {given[key]!r}.")
    changed = [key for key in given if given[key] != defaults[key] and key not in ("preset", "control")]
    if given["preset"] == "released" and changed:
        raise HeadstartError(
            f"smoothing: preset=released decides every option but control, and {changed[0]}={given[changed[0]]} "
            "was given too; leave out one of them (the preset is where=convolutions:off_after=1)."
        )


def _filters(method: Smoothing, model: nn.Module, view: AttentionView | None) -> dict[nn.Module, Blur]:
    """The layers to filter, each with its filter; raises where there are none, or not called by the forward pass."""
    name = type(model).__name__
    found: dict[nn.Module, Blur] = {}
    if method.where == "convolutions":
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d) and max(layer.kernel_size) > 1:
                found[layer] = Blur(method.kernel, method.evaluation, layer.weight)
        if not found:
            raise UnsupportedModel(f"{name}: no nn.Conv2d with a kernel larger than 1×1 to smooth behind.")
    elif view is None:
        raise HeadstartError(
            f"smoothing: where={method.where} needs the view of a vision transformer, attention_view(model), got none; "
            "use where=convolutions for a CNN."
        )
    elif method.where == "embedding":
        if view.patch_embed is None:
            raise UnsupportedModel(f"{name}: no patch embedding by nn.Conv2d found; use where=values.")
        found[view.patch_embed] = Blur(method.kernel, method.evaluation, view.patch_embed.weight)
    else:
        if not view.uniform:
            raise UnsupportedModel(f"{name}: values are smoothed where attention spans the whole grid; it has windows.")
        for index, block in enumerate(view.blocks):
            layer, first = _value_layer(name, index, block)
            last = first + block.heads * block.head_dim
            found[layer] = ValueBlur(method.kernel, method.evaluation, layer.weight, block, first, last)
    if view is not None and view.patch_embed is not None:
        _check_called(name, view, found)
    return found


def _value_layer(name: str, index: int, block: BlockView) -> tuple[nn.Linear, int]:
    """The layer that gives a block's values, and the first channel of them in its output."""
    wanted = block.projection("v")[0]
    for layer in block.attention.modules():
        if isinstance(layer, nn.Linear):
            first = (wanted.data_ptr() - layer.weight.data_ptr()) // (layer.in_features * wanted.element_size())
            if 0 <= first < layer.out_features:
                return layer, first
    raise UnsupportedModel(
        f"{name}: blocks[{index}] has no nn.Linear of its values ({type(block.attention).__name__}), so there is "
        "nothing to smooth behind; use where=embedding."
    )


def _check_called(name: str, view: AttentionView, found: dict[nn.Module, Blur]) -> None:
    """Some models take a layer's weights and leave the layer uncalled; a filter behind it would do nothing."""
    assert view.patch_embed is not None
    called: set[nn.Module] = set()
    hooks = [layer.register_forward_hook(lambda layer, *_: called.add(layer)) for layer in found]
    sides = [cells * stride for cells, stride in zip(view.grid, view.patch_embed.stride, strict=True)]
    with evaluating(view.model), torch.no_grad():
        view.model(view.patch_embed.weight.new_zeros(1, view.patch_embed.in_channels, *sides))
    for hook in hooks:
        hook.remove()
    missed = [layer for layer in found if layer not in called]
    if missed:
        where = next(path for path, layer in view.model.named_modules() if layer is missed[0])
        raise UnsupportedModel(
            f"{name}: {where} is not called as a module in the forward pass, so that no filter can stand behind it; "
            "use another where."
        )
