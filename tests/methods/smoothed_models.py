"""Small models to smooth, and what one pass of images gives."""

from typing import Any

import torch
from torch import Tensor, nn

from headstart import create_vit
from headstart.attention import attention_view
from headstart.methods.smoothing import Smoothing


def vit(seed: int = 0, **options: Any) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        shape = {"image_size": (16, 24), "patch_size": 4, "width": 24, "depth": 2, "heads": 3}
        return create_vit(**{**shape, **options})


def attached(model: nn.Module, **options: Any) -> Smoothing:
    method = Smoothing(**options)
    plain = options.get("where") == "convolutions" or options.get("preset")
    assert method.attach(model, None if plain else attention_view(model)) is model
    return method


def images(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def run(model: nn.Module, x: Tensor) -> list[Tensor]:
    """Logits, and the gradient of every parameter and of the images."""
    x = x.clone().requires_grad_()
    model.zero_grad()
    logits = model(x)
    (logits * torch.linspace(-1, 1, logits.numel()).view_as(logits)).sum().backward()
    assert x.grad is not None
    return [logits.detach(), x.grad, *(p.grad.clone() for p in model.parameters() if p.grad is not None)]


class CNN(nn.Module):
    """A stem, a residual block with a 1×1 shortcut, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.GroupNorm(2, 8)
        self.conv, self.shortcut = nn.Conv2d(8, 12, 3, stride=2, padding=1), nn.Conv2d(8, 12, 1, stride=2)
        self.head = nn.Linear(12, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.stem(x)).relu()
        return self.head((self.conv(x) + self.shortcut(x)).relu().mean((2, 3)))


WHERES = [("embedding", vit), ("values", vit), ("convolutions", CNN)]
