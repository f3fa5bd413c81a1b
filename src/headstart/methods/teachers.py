"""CNNs that a ViT learns from: by name, with weights from a file, and the maps of their stages.

Shapes: ``B`` images, ``K`` classes, ``C_i``, ``h_i``, ``w_i`` the map of stage ``i``.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from headstart.attention.hooks import evaluating
from headstart.errors import HeadstartError, UnsupportedModel, first_line, unknown
from headstart.models.libraries import build_model

__all__ = ["LIBRARIES", "StagedCNN", "library_cnn", "matched", "read_weights"]

LIBRARIES = ("timm", "torchvision")


def library_cnn(name: str, num_classes: int, image_shape: tuple[int, int, int]) -> StagedCNN:
    """A CNN of timm or torchvision, ``timm/resnet18``, with random weights, for images of shape (C, height, width).

    Raises :class:`~headstart.errors.HeadstartError` for unknown names, and for what has no stages.
    """
    library, _, theirs = name.partition("/")
    if library not in LIBRARIES:
        raise unknown("library of agents", library, LIBRARIES)
    options: dict[str, Any] = {"num_classes": num_classes}
    if library == "timm":
        options["in_chans"] = image_shape[0]
    elif image_shape[0] != 3:
        raise HeadstartError(f"{name} takes images of 3 channels, got {image_shape[0]}; use an agent of timm.")
    return StagedCNN(name, build_model(theirs, library, **options), image_shape)


class StagedCNN(nn.Module):
    """A CNN that also gives the maps of its stages: of each resolution the last one, as the forward pass goes.

    Looked for are modules up to two names deep (``layer4``, ``stages.2``, ``features.7``), before adaptive pooling;
    hooks on the chosen ones keep what they give.

    Args:
        name: for messages.
        model: images to logits.
        image_shape: (C, height, width).

    Raises :class:`~headstart.errors.HeadstartError` for a model that can't take such images, or has no such maps.
    """

    def __init__(self, name: str, model: nn.Module, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.model = model
        self.seen: dict[int, Tensor] = {}
        found: dict[tuple[int, int], tuple[nn.Module, int]] = {}

        pooled = False

        def look(module: nn.Module, _inputs: Any, output: Any) -> None:
            nonlocal pooled
            pooled = pooled or "Adaptive" in type(module).__name__
            if not pooled and isinstance(output, Tensor) and output.ndim == 4:
                side = (output.shape[2], output.shape[3])
                found.pop(side, None)
                found[side] = (module, output.shape[1])

        parts = [part for path, part in model.named_modules() if path and path.count(".") < 2]
        hooks = [part.register_forward_hook(look) for part in parts]
        try:
            with evaluating(model), torch.no_grad():
                model(torch.zeros(2, *image_shape))
        except RuntimeError as error:
            raise HeadstartError(
                f"agent {name} can't take images of shape {image_shape}: {first_line(error)}; use a CNN for "
                "small images, or larger images (--set image_size=…)."
            ) from None
        finally:
            for hook in hooks:
                hook.remove()
        if len(found) < 2:
            raise UnsupportedModel(
                f"agent {name} is to be a CNN of stages, with maps (B, C, h, w) of several resolutions, and "
                f"{type(model).__name__} gives {len(found)}; use timm/resnet18, for example."
            )
        self.channels = [channels for _, channels in found.values()]
        for index, (stage, _) in enumerate(found.values()):
            stage.register_forward_hook(partial(_keep, self.seen, index))

    def forward_maps(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits (B, K) and the map of each stage, (B, C_i, h_i, w_i)."""
        logits = self.model(images)
        if not isinstance(logits, Tensor):
            logits = logits[0]  # auxiliary classifiers behind it
        maps = [self.seen[index] for index in range(len(self.channels))]
        self.seen.clear()
        return logits, maps


def _keep(seen: dict[int, Tensor], index: int, _module: nn.Module, _inputs: Any, output: Tensor) -> None:
    seen[index] = output


def matched(stages: int, blocks: int) -> list[tuple[int, int]]:
    """Which stage goes with which block, both spread evenly, the last with the last; as many pairs as the fewer.

    >>> matched(4, 12), matched(3, 2), matched(2, 2)
    ([(0, 2), (1, 5), (2, 8), (3, 11)], [(1, 0), (2, 1)], [(0, 0), (1, 1)])
    """
    pairs = min(stages, blocks)
    return [(-(-stages * k // pairs) - 1, -(-blocks * k // pairs) - 1) for k in range(1, pairs + 1)]


def read_weights(path: str, module: nn.Module, name: str) -> None:
    """Load the safetensors file, or the ``model.safetensors`` of the run's folder, ``path`` into ``module``.

    Raises :class:`~headstart.errors.HeadstartError` for a file that is missing, can't be read, or does not fit; the
    message says what does not, and what the run trained.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = Path(path) / "model.safetensors" if Path(path).is_dir() else Path(path)
    try:
        weights = load_file(file)
    except (OSError, SafetensorError) as error:
        raise HeadstartError(
            f"the weights of agent {name}, {file}, can't be read ({error}); name a safetensors file, such as the "
            "model.safetensors of a run, or the run's folder."
        ) from None
    wanted = module.state_dict()
    wrong = [
        f"{key} is {tuple(weights[key].shape)} and should be {tuple(value.shape)}"
        for key, value in wanted.items()
        if key in weights and weights[key].shape != value.shape
    ]
    wrong += [f"{key} is missing" for key in wanted if key not in weights]
    wrong += [f"{key} is not known" for key in weights if key not in wanted]
    if wrong:
        trained = _trained(file.parent / "config.json")
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise HeadstartError(
            f"the weights in {file}{trained} do not fit the agent {name}: {wrong[0]}{more}; they have to be those of "
            + ("an agent with this ViT's width, depth, heads and MLP; " if name == "mirror" else f"model={name}; ")
            + "name the agent that the run trained, on the same classes and image size."
        )
    module.load_state_dict(weights)


def _trained(config: Path) -> str:
    """What the run beside the weights trained, in words, if that is known."""
    try:
        found = json.loads(config.read_text())
        return f", of a run of model {found['model']} on {found['dataset']},"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
