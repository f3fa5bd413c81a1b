"""Whether a trained model is the plain ViT that other libraries know too."""

from __future__ import annotations

from torch import nn

from headstart.errors import HeadstartError
from headstart.models.vit import VisionTransformer
from headstart.training.build import build_model
from headstart.training.predicting import Predictor

__all__ = ["plain_vit"]


def plain_vit(predictor: Predictor, target: str) -> VisionTransformer:
    """The predictor's model, where it computes what a plain ViT of its recipe computes.

    Methods that only add to the loss leave it plain; those that change the model do not.

    Raises :class:`~headstart.errors.HeadstartError` saying what has no counterpart in the library ``target``.
    """
    recipe, model = predictor.recipe, predictor.stored
    other = "export it with --onnx, --torch-export or --safetensors"
    if recipe.permute_patches is not None:
        raise HeadstartError(f"{target} has no model of permuted patches; {other}.")
    if type(model) is not VisionTransformer:
        raise HeadstartError(f"{target} has no counterpart of {type(model).__name__} (model {recipe.model}); {other}.")
    made = build_model(recipe, predictor.facts.dataset(recipe))
    plain = {name: _kind(module) for name, module in made.named_modules()}
    own = {name: _kind(module) for name, module in model.named_modules()}
    changed = [name for name, kind in own.items() if plain.get(name) != kind]
    if changed or own.keys() != plain.keys():
        methods = ", ".join(recipe.methods) or "something"
        where = changed[0] if changed else sorted(plain.keys() - own.keys())[0]
        raise HeadstartError(
            f"{target} has no counterpart of this model: {methods} changed it ({where or 'the whole'}); {other}."
        )
    return model


def _kind(module: nn.Module) -> tuple[type[nn.Module], str, int]:
    """Its class, its sizes (strides and padding, say, that its class does not tell), and how many hooks it has."""
    return type(module), module.extra_repr(), len(module._forward_hooks) + len(module._forward_pre_hooks)
