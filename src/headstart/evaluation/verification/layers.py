"""The layers whose features are worth a look: the blocks of a model, or its convolutions where it has no blocks."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from headstart.errors import HeadstartError

__all__ = ["layers"]

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def layers(model: nn.Module) -> list[str]:
    """Names of the candidate layers of ``model``, as ``named_modules`` has them and in its order.

    A candidate is what a list of layers (``Sequential``, ``ModuleList``, ``ModuleDict``) holds and has layers of its
    own: ``blocks.3`` of a ViT, ``layer2.0`` of a ResNet. A stage that holds a list of such gives way to them:
    ``stages.1.blocks.0`` of a ConvNeXt. Where fewer than two are found, the candidates are all convolutions (of VGG,
    say). Paper 2407.19472 takes layers of ResNets and ViTs; which list it went through is not known to us.

    Raises :class:`~headstart.errors.HeadstartError` for a model with fewer than two of either.

    >>> layers(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3)))
    ['0', '2']
    """
    found = list(_blocks(model, "", held=False))
    if len(found) < 2:
        found = [name for name, module in model.named_modules() if isinstance(module, nn.Conv2d)]
    if len(found) < 2:
        raise HeadstartError(
            f"{type(model).__name__} has no list of blocks and fewer than two convolutions; name the layer: one of "
            f"{', '.join([name for name, _ in model.named_modules() if name][:10]) or 'none'}."
        )
    return found


def _blocks(module: nn.Module, name: str, held: bool) -> Iterator[str]:
    """Blocks in and below ``module``; ``held`` says whether a container holds it."""
    container = type(module) in CONTAINERS
    children = {f"{name}.{child}".lstrip("."): inner for child, inner in module.named_children()}
    if held and children and not container:
        children = _lists(children)
        if not children:
            yield name
    for key, inner in children.items():
        yield from _blocks(inner, key, held or container)


def _lists(children: dict[str, nn.Module]) -> dict[str, nn.Module]:
    """The lists of blocks that make a module a stage; none if it is a block itself.

    A stage is such a list and one more thing with weights at most, the step down to its map. A block may hold lists as
    well, of convolution, norm and activation, or of a transformer between convolutions (MobileViT).
    """
    lists = {key: inner for key, inner in children.items() if _of_blocks(inner)}
    others = [inner for key, inner in children.items() if key not in lists and any(True for _ in inner.parameters())]
    return lists if len(others) <= 1 else {}


def _of_blocks(module: nn.Module) -> bool:
    """Whether this is a list of modules of one class that have modules of their own."""
    inner = list(module.children())
    return (
        type(module) in CONTAINERS
        and len({type(one) for one in inner}) == 1
        and not isinstance(inner[0], CONTAINERS)
        and any(True for _ in inner[0].children())
    )
