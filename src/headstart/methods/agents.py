"""The agent that a ViT is given by bootstrapping (2112.03552), by name."""

from __future__ import annotations

from typing import Any

from torch import nn

from headstart.attention import AttentionView
from headstart.errors import UnsupportedModel
from headstart.methods.teachers import StagedCNN, library_cnn
from headstart.models.agent import AGENTS, AgentCNN, create_agent

__all__ = ["NAMES", "make_agent"]

NAMES = ("mirror", *(f"agent_{size}" for size in AGENTS))


def make_agent(name: str, model: Any, view: AttentionView, stem: str, own: bool) -> AgentCNN | StagedCNN:
    """An agent with random weights for the images and the classes of ``model``.

    Args:
        name: of :data:`NAMES`, or of a library's CNN, ``timm/resnet18``.
        model: the ViT.
        view: of it.
        stem: of an agent that mirrors a ViT.
        own: whether a mirror's blocks have weights of their own.

    Raises :class:`~headstart.errors.HeadstartError` for models that do not tell these, and agents that do not fit.
    """
    classes = _classes(model)
    channels, image, patch = _images(model, view)
    if "/" in name:
        return library_cnn(name, classes, (channels, *image))
    if name == "mirror":
        block = view.blocks[0]
        hidden = 4 * view.width if block.mlp_in is None else block.mlp_in.out_features
        sizes = (view.width, len(view.blocks), block.heads, hidden)
        return AgentCNN(image, patch, classes, *sizes, stem, channels, own)
    return create_agent(
        name.removeprefix("agent_"),
        num_classes=classes,
        image_size=image,
        patch_size=patch,
        in_channels=channels,
        stem=stem,
    )


def _classes(model: Any) -> int:
    """K, of the model's classifier."""
    head = getattr(model, "head", None)
    classes = head.out_features if isinstance(head, nn.Linear) else getattr(model, "num_classes", 0)
    if not classes:
        raise UnsupportedModel(
            f"{type(model).__name__}: bootstrap needs a model that classifies, to give its agent as many classes; "
            "looked for head (a linear layer) and num_classes."
        )
    return int(classes)


def _images(model: Any, view: AttentionView) -> tuple[int, tuple[int, int], tuple[int, int]]:
    """Channels and size (height, width) of the images, and size of a patch."""
    embed = getattr(model, "patch_embed", None)
    writer = view.patch_embed if view.patch_embed is not None else getattr(embed, "proj", None)
    channels, image = getattr(writer, "in_channels", None), getattr(embed, "img_size", None)
    if channels is None or image is None:
        raise UnsupportedModel(
            f"{type(model).__name__}: bootstrap needs the size of the images, to make an agent for them; looked for "
            "patch_embed.img_size and patch_embed.proj.in_channels, as the library's own ViT and timm's have."
        )
    height, width = int(image[0]), int(image[1])
    return int(channels), (height, width), (height // view.grid[0], width // view.grid[1])
