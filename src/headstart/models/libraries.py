"""Models of other libraries by name, without pretrained weights."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import Any

from torch import nn

from headstart.errors import HeadstartError, unknown

__all__ = ["LIBRARIES", "build_model", "parse_options"]

LIBRARIES = ("timm", "torchvision", "transformers")
EXTRAS = {"timm": "timm", "torchvision": "timm", "transformers": "transformers"}  # that install them


def build_model(name: str, library: str, **options: Any) -> nn.Module:
    """A fresh model of ``library``, with the library's own random start.

    Args:
        name: timm's and torchvision's model names (``vit_tiny_patch16_224``, ``vit_b_16``); for transformers a model
            type (``vit``, ``dinov2``) with its default configuration, or a folder or repository with a ``config.json``.
        library: ``"timm"``, ``"torchvision"`` or ``"transformers"``.
        options: passed on: timm's ``img_size``, transformers' ``image_size``, and so on.

    Raises:
        HeadstartError: on an unknown library or name, a library that is not installed, options it does not take.
    """
    if library not in LIBRARIES:
        raise unknown("library", library, LIBRARIES)
    try:
        module = importlib.import_module(library)
    except ModuleNotFoundError as error:
        missing = error.name if error.name == library else f"{error.name}, which {library} needs,"
        raise HeadstartError(f'{missing} is not installed; pip install "headstart[{EXTRAS[library]}]".') from None
    except Exception as error:
        raise HeadstartError(f"{library} is installed and cannot be imported: {_reason(error)}") from error
    try:
        return {"timm": _timm, "torchvision": _torchvision, "transformers": _transformers}[library](
            module, name, options
        )
    except HeadstartError:
        raise
    except Exception as error:  # whatever a library raises for options it does not like, said in one line
        raise HeadstartError(
            f"{library} could not build {name!r} with {options or 'its defaults'}: {_reason(error)}"
        ) from error


def _reason(error: BaseException) -> str:
    """The first line of what went wrong at the bottom, and what to do if it is torchvision beside another torch."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines() or ["no reason given"]
    advice = ""
    if "torchvision" in lines[0]:
        advice = " (torch and torchvision must be of one build: install both in one pip command)"
    return f"{type(error).__name__}: {lines[0]}{advice}"


def parse_options(assignments: list[str]) -> dict[str, Any]:
    """Options from ``key=value`` texts, values read as Python literals where they are some.

    >>> parse_options(["img_size=32", "global_pool=avg", "window_size=(4, 4)"])
    {'img_size': 32, 'global_pool': 'avg', 'window_size': (4, 4)}
    """
    options: dict[str, Any] = {}
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals or not key.isidentifier():
            raise HeadstartError(f"expected key=value, such as img_size=32, got {text!r}.")
        try:
            options[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            options[key] = value
    return options


def _timm(timm: Any, name: str, options: dict[str, Any]) -> nn.Module:
    if not timm.is_model(name):
        raise unknown("timm model", name, timm.list_models())
    return timm.create_model(name, pretrained=False, **options)


def _torchvision(torchvision: Any, name: str, options: dict[str, Any]) -> nn.Module:
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        raise unknown("torchvision model", name, known)
    return torchvision.models.get_model(name, weights=None, **options)


def _transformers(transformers: Any, name: str, options: dict[str, Any]) -> nn.Module:
    if "/" in name or Path(name).is_dir():
        config = transformers.AutoConfig.from_pretrained(name, **options)
        config.name_or_path = ""  # its configuration came from there, its weights do not
    else:
        types = transformers.CONFIG_MAPPING.keys()
        if name not in types:
            raise unknown("transformers model type", name, types)
        config = transformers.AutoConfig.for_model(name, **options)
    classifiers = transformers.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING
    found = (classifiers if type(config) in classifiers else transformers.MODEL_MAPPING)[type(config)]
    return (found[0] if isinstance(found, tuple) else found)(config)
