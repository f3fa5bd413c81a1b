"""The attention of one block, whichever library built it.

Shapes: ``B`` images (or windows of images), ``N`` tokens (``P`` prefix tokens first, then the grid in row-major
order), ``D`` width, ``H`` heads, ``R`` head dim. Weights act from the right: head h's queries are ``x @ q[h] +
q_bias[h]``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from headstart.errors import HeadstartError

__all__ = ["BlockView", "Projection", "RelativeBias"]

# Gives a projection ("q", "k", "v", "o") as its weight (out, in) and bias (out,), views into the parameters.
Projection = Callable[[str], "tuple[Tensor, Tensor | None]"]


@dataclass
class RelativeBias:
    """A bias added to the logits that depends on where the key stands relative to the query.

    ``index`` (N, N) names the entry of ``read()`` (entries, H) for each row and column. ``write`` sets the entries,
    exactly or as well as what makes them can; ``parameters`` are what it writes to.
    """

    index: Tensor
    read: Callable[[], Tensor]
    write: Callable[[Tensor], None]
    parameters: list[nn.Parameter]

    def logits(self) -> Tensor:
        """The bias of every pair: (H, N, N)."""
        return self.read().detach()[self.index].permute(2, 0, 1)


@dataclass
class BlockView:
    """The attention of one block: its weights per head, and the modules around it.

    ``read`` and ``write`` take the names q, k, v (H, D, R), o (H, R, D), q_bias, k_bias, v_bias (H, R) and o_bias (D,).
    """

    attention: nn.Module  # its first argument x (B, N, D) is what Q, K and V read
    norm: nn.Module  # what the residual stream passes on its way there
    heads: int
    head_dim: int
    width: int
    grid: tuple[int, int]  # what one attention map spans: all patches, or those of a window
    prefix: int
    scale: float
    projection: Projection
    q_norm: nn.Module = field(default_factory=nn.Identity)
    k_norm: nn.Module = field(default_factory=nn.Identity)
    rotate: Callable[[Tensor], Tensor] | None = None  # rotary embedding of queries and keys (…, H, N, R), linear
    bias: RelativeBias | None = None
    mask: Tensor | None = None  # (windows, N, N), 0 where attention may go, far below where not
    temperature: nn.Parameter | None = None  # log of a learned scale per head, (H, 1, 1)
    layer_scale: Tensor | None = None  # (D,), multiplies what the heads add to the stream
    stream_std: float | None = None  # root mean square of the stream here, where the model's build tells it
    mlp_in: nn.Linear | None = None  # the first layer of the block's MLP
    mlp_out: nn.Linear | None = None  # and its last

    @property
    def patches(self) -> int:
        return self.grid[0] * self.grid[1]

    @property
    def windows(self) -> int:
        """Of one image, where a mask tells them apart; they follow each other in the inputs."""
        return 1 if self.mask is None else len(self.mask)

    @property
    def device(self) -> torch.device:
        return self.projection("q")[0].device

    @property
    def source(self) -> str | None:
        """How the block itself brings in position, if it does."""
        return "rotary" if self.rotate is not None else "relative" if self.bias is not None else None

    @property
    def has_qk_norm(self) -> bool:
        return not (isinstance(self.q_norm, nn.Identity) and isinstance(self.k_norm, nn.Identity))

    def _slot(self, name: str) -> Tensor:
        kind, _, is_bias = name.partition("_")
        weight, bias = self.projection(kind)
        if is_bias:
            if bias is None:
                raise HeadstartError(f"this model's {kind} projection has no bias.")
            return bias.detach() if kind == "o" else bias.detach().unflatten(0, (self.heads, self.head_dim))
        if kind == "o":
            return weight.detach().unflatten(1, (self.heads, self.head_dim)).permute(1, 2, 0)
        return weight.detach().unflatten(0, (self.heads, self.head_dim)).transpose(1, 2)

    def has_bias(self, name: str) -> bool:
        return self.projection(name)[1] is not None

    def read(self, name: str) -> Tensor:
        """A copy of the named weight or bias."""
        return self._slot(name).clone()

    def write(self, name: str, value: Tensor) -> None:
        """Set the named weight or bias in place, cast to the parameter's type."""
        slot = self._slot(name)
        if slot.shape != value.shape:
            raise HeadstartError(f"{name} has shape {tuple(slot.shape)}, got {tuple(value.shape)}.")
        slot.copy_(value)

    def write_qk(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Set Q and K (H, D, R); returns what they came to, here just these.

        Where they come to something else, a factor on a head's Q or K that is asked for is one on what it comes to.
        """
        self.write("q", q)
        self.write("k", k)
        return q, k

    def slots(self) -> list[Tensor]:
        """Every parameter of the attention that can be written through this view."""
        found = [t.detach() for name in "qkvo" for t in self.projection(name) if t is not None]
        modules = (self.norm, self.q_norm, self.k_norm)
        found += [p.detach() for module in modules for p in module.parameters()]
        found += [p.detach() for p in (self.bias.parameters if self.bias else [])]
        return found + ([self.temperature.detach()] if self.temperature is not None else [])

    def project(self, name: str, x: Tensor) -> Tensor:
        """What the projection ``name`` (q, k or v) gives for normalised inputs ``x`` (B, N, D): (B, H, N, R)."""
        projected = x[:, None] @ self._slot(name).to(x.dtype)
        if self.has_bias(name):
            projected = projected + self._slot(f"{name}_bias").to(x.dtype)[:, None]
        return projected

    def queries_keys(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Queries and keys (B, H, N, R) as the logits take them, for normalised inputs ``x`` (B, N, D)."""
        q, k = self.project("q", x), self.project("k", x)
        if self.has_qk_norm:
            q, k = (copy.deepcopy(norm).to(x.dtype)(t) for norm, t in ((self.q_norm, q), (self.k_norm, k)))
        if self.rotate is not None:
            q, k = self.rotate(q), self.rotate(k)
        return q, k

    def fixed_logits(self, x: Tensor) -> Tensor:
        """What the logits hold besides queries and keys: relative bias and mask, broadcastable to (B, H, N, N).

        One input of its own, such as LN(position embedding), stands for every window.
        """
        fixed = x.new_zeros(1, 1, 1, 1)
        if self.bias is not None:
            fixed = fixed + self.bias.logits().to(x)
        if self.mask is not None:
            mask = self.mask.to(x)[:, None]
            fixed = fixed + mask.repeat(max(1, len(x) // len(mask)), 1, 1, 1)
        return fixed

    def visible(self) -> Tensor:
        """Which pairs a mask lets see each other: (windows, N, N), true everywhere without one."""
        if self.mask is None:
            size = self.prefix + self.patches
            return torch.ones(1, size, size, dtype=torch.bool, device=self.device)
        return self.mask.to(self.device) > -1.0

    def logits(self, x: Tensor) -> Tensor:
        """Attention logits (B, H, N, N) for normalised inputs ``x`` (B, N, D), computed in the type of ``x``."""
        q, k = self.queries_keys(x)
        scale: Tensor | float = self.scale
        if self.temperature is not None:
            scale = self.temperature.detach().to(x.dtype).clamp(max=_HOTTEST).exp()
        return q @ k.transpose(-1, -2) * scale + self.fixed_logits(x)

    def maps(self, x: Tensor) -> Tensor:
        """Attention (B, H, N, N) for normalised inputs ``x`` (B, N, D), computed in the type of ``x``."""
        return torch.softmax(self.logits(x), dim=-1)


_HOTTEST = 4.605170185988092  # ln 100, where cosine attention (2111.09883) clamps its learned scale
