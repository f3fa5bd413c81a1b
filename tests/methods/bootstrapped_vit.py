"""A small ViT with its agent, one step of both, and its gradients."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from headstart.attention import attention_view
from headstart.methods import Step, resolve_methods
from headstart.models.vit import create_vit

SMALL: dict[str, Any] = {"width": 24, "depth": 3, "heads": 3, "image_size": (16, 24), "num_classes": 5}
ARMS = [
    "bootstrap",
    "bootstrap:features=0",
    "bootstrap:mutual=0",
    "bootstrap:frozen=True",
    "bootstrap:mode=shared",
    "bootstrap:mode=shared:align=False",
    "bootstrap:agent=timm/resnet18",
]


def attached(spec: str = "bootstrap", model: Any = None, **options: Any) -> tuple[Any, Any]:
    torch.manual_seed(0)
    model = create_vit(**{**SMALL, **options}) if model is None else model
    (method,) = resolve_methods([spec])
    return method, method.attach(model, attention_view(model))


def stepped(model: Any, count: int = 6, channels: int = 3) -> Step:
    images = torch.randn(count, channels, 16, 24, generator=torch.Generator().manual_seed(1))
    targets = torch.arange(count) % 5
    features: list[Tensor] = []
    hooks = [block.register_forward_hook(lambda _m, _i, out: features.append(out)) for block in model.blocks]
    tokens = model.forward_features(images)
    for hook in hooks:
        hook.remove()
    logits = model.forward_head(tokens)
    return Step(
        tokens, logits, targets, images.new_zeros(count, 0), images, lambda z: F.cross_entropy(z, targets),
        tuple(features),
    )  # fmt: skip


def gradients_of(spec: str, parts: int = 1) -> dict[str, Tensor]:
    method, model = attached(spec)
    method.eval()
    method.update(0.5)
    step = stepped(model)
    for part in torch.arange(6).chunk(parts):
        targets = step.targets[part]
        piece = Step(
            step.tokens[part], step.logits[part], targets, step.draws[part], step.images[part],
            lambda z, targets=targets: F.cross_entropy(z, targets), tuple(x[part] for x in step.features),
        )  # fmt: skip
        loss = (method.loss(piece) + piece.criterion(piece.logits)) / parts
        loss.backward(retain_graph=True)
    method.gradients()
    assert not [t for t in (method.twins.twins if method.twins else []) if t.grad is not None]
    return {name: p.grad for name, p in [*model.named_parameters(), *method.named_parameters()] if p.grad is not None}
