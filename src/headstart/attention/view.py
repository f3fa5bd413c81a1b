"""One view of a vision transformer's attention, whichever library built it.

Shapes: ``B`` images, ``N`` tokens (``P`` prefix tokens first, then the grid in row-major order), ``D`` width, ``H``
heads, ``R`` head dim. Weights act from the right: the queries of head h are ``x @ q[h] + q_bias[h]``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from headstart.errors import HeadstartError

__all__ = ["AttentionView", "BlockView", "Position"]

# Gives a projection ("q", "k", "v", "o") as its weight (out, in) and bias (out,), views into the parameters.
Projection = Callable[[str], "tuple[Tensor, Tensor | None]"]


@dataclass
class BlockView:
    """The attention of one block: its weights per head, and the modules around it.

    ``read`` and ``write`` take the names q, k, v (H, D, R), o (H, R, D), q_bias, k_bias, v_bias (H, R) and o_bias (D,).
    """

    norm: nn.Module  # its input is the residual stream, its output what Q, K and V read
    heads: int
    head_dim: int
    scale: float
    projection: Projection
    q_norm: nn.Module = field(default_factory=nn.Identity)
    k_norm: nn.Module = field(default_factory=nn.Identity)
    mlp_in: nn.Linear | None = None  # the first layer of the block's MLP
    mlp_out: nn.Linear | None = None  # and its last

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

    def maps(self, x: Tensor) -> Tensor:
        """Attention (B, H, N, N) for normalised inputs ``x`` (B, N, D), computed in the type of ``x``."""
        q, k = (x[:, None] @ self._slot(name).to(x.dtype) for name in ("q", "k"))
        if self.has_bias("q"):
            q = q + self._slot("q_bias").to(x.dtype)[:, None]
        if self.has_bias("k"):
            k = k + self._slot("k_bias").to(x.dtype)[:, None]
        if self.has_qk_norm:
            q, k = (copy.deepcopy(norm).to(x.dtype)(t) for norm, t in ((self.q_norm, q), (self.k_norm, k)))
        return torch.softmax(q @ k.transpose(-1, -2) * self.scale, dim=-1)


@dataclass
class Position:
    """Where position enters: an absolute embedding added to the tokens, ``table`` (1, rows, D)."""

    kind: Literal["learned", "fixed"]
    table: nn.Parameter
    covers_prefix: bool  # whether the first rows belong to the prefix tokens


@dataclass
class AttentionView:
    """All that the library knows of a model: blocks, grid (height, width), prefix tokens, position source."""

    model: nn.Module
    blocks: list[BlockView]
    grid: tuple[int, int]
    prefix: int
    position: Position
    width: int
    final: nn.Module  # what follows the last block
    prefix_tokens: list[nn.Parameter] = field(default_factory=list)
    patch_embed: nn.Conv2d | None = None
    pre_norm: nn.Module = field(default_factory=nn.Identity)  # between the embedding and the first block

    @property
    def patches(self) -> int:
        return self.grid[0] * self.grid[1]

    @property
    def device(self) -> torch.device:
        return self.position.table.device

    @property
    def dtype(self) -> torch.dtype:
        return self.position.table.dtype

    def position_tokens(self) -> Tensor:
        """What enters the first block where the image adds nothing: (N, D), float64."""
        table = self.position.table.detach()[0].double()
        prefix = [token.detach()[0].double() for token in self.prefix_tokens]
        if self.position.covers_prefix:
            tokens = torch.cat([*prefix, table.new_zeros(self.patches, self.width)]) + table
        else:
            tokens = torch.cat([*prefix, table])
        return copy.deepcopy(self.pre_norm).double()(tokens)

    def position_input(self, index: int) -> Tensor:
        """LN(position embedding) as block ``index`` normalises it: (N, D), float64."""
        return copy.deepcopy(self.blocks[index].norm).double()(self.position_tokens()).detach()

    def write_position(self, rows: Tensor) -> None:
        """Set the patches' position embedding (h·w, D) in place; prefix tokens stand nowhere, so theirs are zero."""
        table = self.position.table.detach()[0]
        if self.position.covers_prefix:
            table[: self.prefix].zero_()
        table[len(table) - self.patches :].copy_(rows)

    def snapshot(self, mlp: bool) -> Callable[[], None]:
        """Copy every weight that can be written through this view; call the result to put them back.

        ``mlp``: those of the MLPs too, two thirds of a ViT, which few changes touch.
        """
        slots = [self.position.table.detach()]
        if self.patch_embed is not None:
            slots += [p.detach() for p in self.patch_embed.parameters()]
        for block in self.blocks:
            slots += [t.detach() for name in "qkvo" for t in block.projection(name) if t is not None]
            layers = [layer for layer in (block.mlp_in, block.mlp_out) if layer is not None and mlp]
            slots += [p.detach() for layer in layers for p in layer.parameters()]
        saved = [slot.clone() for slot in slots]

        def restore() -> None:
            for slot, value in zip(slots, saved, strict=True):
                slot.copy_(value)

        return restore

    def visit(
        self,
        images: Tensor,
        visitor: Callable[[int, BlockView, Tensor], None],
        last: Callable[[Tensor], None] | None = None,
    ) -> Tensor:
        """Run the model on ``images`` in evaluation mode, calling ``visitor(index, block, stream)`` at every block.

        ``stream`` (B, N, D) is the block's input, before its norm. What the visitor writes to the block takes effect in
        the same pass, so one pass can solve block after block. ``last`` gets the stream that leaves the last block.
        Returns the model's output.
        """
        self.check_images(images)
        training = {module: module.training for module in self.model.modules()}
        hooks = [
            block.norm.register_forward_pre_hook(
                lambda _module, args, index=index, block=block: visitor(index, block, args[0])
            )
            for index, block in enumerate(self.blocks)
        ]
        if last is not None:
            hooks.append(self.final.register_forward_pre_hook(lambda _module, args: last(args[0])))
        try:
            self.model.eval()
            with torch.no_grad():
                return self.model(images.to(self.device, self.dtype))
        finally:
            for hook in hooks:
                hook.remove()
            for module, mode in training.items():
                module.training = mode

    def maps(self, images: Tensor) -> list[Tensor]:
        """Each block's attention on ``images`` (B, C, height, width): (B, H, N, N), float32."""
        found: list[Tensor] = []
        # norm.forward, not norm(): the visitor runs inside the norm's own hook.
        self.visit(images, lambda _i, block, stream: found.append(block.maps(block.norm.forward(stream).float())))
        return found

    def check_images(self, images: Tensor) -> None:
        """Raise unless ``images`` is a float tensor (B, C, height, width) that this model takes."""
        expected = "a float tensor of shape (images, channels, height, width)"
        if not isinstance(images, Tensor):
            raise HeadstartError(f"images: expected {expected}, got {type(images).__name__}.")
        if not images.is_floating_point():
            raise HeadstartError(
                f"images: expected {expected}, got dtype {images.dtype}; scale and normalise them as for training."
            )
        if self.patch_embed is None:
            shape_ok, wanted = images.ndim == 4, "(B, C, height, width)"
        else:
            sides = [g * s for g, s in zip(self.grid, self.patch_embed.stride, strict=True)]
            wanted = f"(B, {self.patch_embed.in_channels}, {sides[0]}, {sides[1]})"
            shape_ok = images.ndim == 4 and list(images.shape[1:]) == [self.patch_embed.in_channels, *sides]
        if not shape_ok or len(images) == 0:
            raise HeadstartError(f"images: expected shape {wanted} with B ≥ 1, got {tuple(images.shape)}.")
