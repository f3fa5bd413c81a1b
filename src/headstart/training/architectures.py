"""The models that a recipe can name, and how each is made for a dataset."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import nn

from headstart.data import Dataset
from headstart.errors import HeadstartError, unknown
from headstart.models import AgentCNN, create_agent, create_convmixer, create_edgevit, create_vit
from headstart.models.agent import AGENTS
from headstart.models.checks import hidden_units
from headstart.models.edgevit import EDGEVITS, EdgeViT
from headstart.models.libraries import build_model
from headstart.models.vit import SIZES, VisionTransformer
from headstart.specs import check_kind, split_spec

if TYPE_CHECKING:
    from headstart.training.recipe import Recipe

__all__ = ["check_architecture", "create", "takes_draws"]

LIBRARIES = ("timm", "torchvision")
OF_VIT = ("patch_size", "heads", "width", "depth", "mlp_ratio", "drop_path", "pool", "registers", "position")
NOT_OF_OTHERS = {"heads": None, "width": None, "depth": None, "mlp_ratio": 4.0, "registers": 0, "position": "learned"}

Maker = Callable[..., nn.Module]


def mirror_agent(
    *,
    num_classes: int,
    image_size: int | tuple[int, int],
    in_channels: int,
    patch_size: int = 4,
    width: int | None = None,
    depth: int | None = None,
    heads: int | None = None,
    mlp_ratio: float = 4.0,
    stem: str = "res-like",
) -> AgentCNN:
    """The agent CNN (2112.03552) of the plain ViT that has these sizes, by itself; those of ViT-Tiny unless given."""
    chosen = (width or SIZES["tiny"][0], depth or SIZES["tiny"][1], heads or SIZES["tiny"][2])
    image = (image_size, image_size) if isinstance(image_size, int) else image_size
    hidden = hidden_units("agent", chosen[0], mlp_ratio)
    return AgentCNN(image, (patch_size, patch_size), num_classes, *chosen, hidden, stem, in_channels)


# What is made by name, from num_classes, image_size, in_channels and options; a plain ViT takes the recipe's keys too.
MAKERS: dict[str, Maker] = {
    **{size: partial(create_vit, size) for size in SIZES},
    **{f"edgevit_{size}": partial(create_edgevit, size) for size in EDGEVITS},
    **{f"agent_{size}": partial(create_agent, size) for size in AGENTS},
    "agent": mirror_agent,
    "convmixer": create_convmixer,
}


def takes_draws(model: nn.Module) -> bool:
    """Whether stochastic depth takes its numbers from the caller: ``model(images, draws)``, blocks in ``blocks``."""
    return isinstance(model, (VisionTransformer, EdgeViT))


def check_architecture(recipe: Recipe) -> None:
    """Raise :class:`~headstart.errors.HeadstartError` unless ``recipe.model`` is known and the other keys suit it."""
    name, options = split_spec(recipe.model, "model")
    library, slash, _ = name.partition("/")
    if slash and library not in LIBRARIES:
        raise unknown("library of models", library, LIBRARIES)
    if not slash and name not in MAKERS:
        raise unknown("model", name, [*MAKERS, "timm/NAME", "torchvision/NAME"])
    if not slash:
        _check_options(recipe, name, options)
    if name not in (*SIZES, "agent"):
        for key, default in NOT_OF_OTHERS.items():
            if getattr(recipe, key) != default:
                raise HeadstartError(
                    f"recipe key {key!r} is for the plain ViT ({', '.join(SIZES)}), and the model is {name}; "
                    f"use --set {key}={str(default).lower()}, and give the model its own options behind a colon: "
                    f"--set model={name}:OPTION=VALUE."
                )


def _check_options(recipe: Recipe, name: str, options: dict[str, Any]) -> None:
    """Options that are recipe keys too are checked as such, the others by the kind of what they are unless given."""
    known = inspect.signature(MAKERS[name]).parameters
    own = known.keys() - {"num_classes", "image_size", "in_channels"}
    for key, value in options.items():
        if key not in own:
            raise unknown(f"option of model {name!r}", key, own)
        if key not in type(recipe).model_fields:
            default = {"int | None": 0, "bool | None": False}.get(known[key].annotation, known[key].default)
            if value is not None or known[key].default is not None:
                check_kind(f"model {recipe.model!r}", key, value, default)
            continue
        for part in value if key == "patch_size" and isinstance(value, tuple) else [value]:
            try:
                type(recipe)(**{key: str(part) if isinstance(part, bool) else part})
            except HeadstartError as error:
                told = str(error).partition("; for example")[0].removeprefix(f"recipe key {key!r}: ")
                raise HeadstartError(f"model {recipe.model!r}: {key}: {told}.") from None


def create(recipe: Recipe, dataset: Dataset) -> nn.Module:
    """The recipe's model for the dataset, with random weights from the global random state."""
    name, options = split_spec(recipe.model, "model")
    library, slash, theirs = name.partition("/")
    if slash:
        return _of_library(library, theirs, recipe, dataset, options)
    given: dict[str, Any] = {
        "num_classes": len(dataset.classes),
        "image_size": dataset.image_size,
        "in_channels": dataset.channels,
    }
    known = inspect.signature(MAKERS[name]).parameters
    own = OF_VIT if name in (*SIZES, "agent") else ("drop_path", *(["patch_size"] if name.startswith("agent_") else []))
    given |= {key: getattr(recipe, key) for key in own if key in known}
    if name.startswith("edgevit"):
        given["patch_size"] = edgevit_patch(dataset.image_size)
    return MAKERS[name](**{**given, **options})


def edgevit_patch(image_size: int | tuple[int, int]) -> int:
    """Pixels of an EdgeViT's first stride: the published 4, on small images as many as leave a last map of 4×4 or so.

    >>> [edgevit_patch(side) for side in (224, 128, 64, 32)]
    [4, 4, 2, 1]
    """
    side = image_size if isinstance(image_size, int) else min(image_size)
    return max(1, min(4, side // 32))


def _of_library(library: str, name: str, recipe: Recipe, dataset: Dataset, options: dict[str, Any]) -> nn.Module:
    given: dict[str, Any] = {"num_classes": len(dataset.classes)}
    if library == "timm":
        given["in_chans"] = dataset.channels
        if recipe.drop_path:
            given["drop_path_rate"] = recipe.drop_path
    elif dataset.channels != 3:
        raise HeadstartError(
            f"torchvision's models take colour images, and {dataset.name} has {dataset.channels} channel."
        )
    elif recipe.drop_path:
        raise HeadstartError("drop_path is not for torchvision's models; use --set drop_path=0.")
    model = build_model(name, library, **{**given, **options})
    # Models with a grid of patches have to be told the size of the images; the others take any.
    key = "img_size" if library == "timm" else "image_size"
    side = dataset.image_size if isinstance(dataset.image_size, int) else max(dataset.image_size)
    made_for = getattr(getattr(model, "patch_embed", None), "img_size", None) or getattr(model, "image_size", None)
    if made_for is not None and key not in options and made_for not in (side, (side, side)):
        model = build_model(name, library, **{**given, key: side, **options})
    return model
