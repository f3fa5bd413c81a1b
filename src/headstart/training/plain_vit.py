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
    plain = {
        name: type(module) for name, module in build_model(recipe, predictor.facts.dataset(recipe)).named_modules()
    }
    own = dict(model.named_modules())
    changed = [name for name, module in own.items() if plain.get(name) is not type(module) or _hooked(module)]
    if changed or own.keys() != plain.keys():
        methods = ", ".join(recipe.methods) or "something"
        where = changed[0] if changed else sorted(plain.keys() - own.keys())[0]
        raise HeadstartError(
            f"{target} has no counterpart of this model: {methods} changed it ({where or 'the whole'}); {other}."
        )
    return model


def _hooked(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)
