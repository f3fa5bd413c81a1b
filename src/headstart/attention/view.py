"""One view of a vision transformer's attention, whichever library built it.

Shapes: ``B`` images, ``N`` tokens (``P`` prefix tokens first, then the grid in row-major order), ``D`` width.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from headstart.attention.block import BlockView
from headstart.attention.hooks import before, evaluating
from headstart.errors import HeadstartError

__all__ = ["AttentionView", "Position"]

# Gets a block and what its heads read; may return what they are to read instead.
Visitor = Callable[[int, BlockView, Tensor], "Tensor | None"]


@dataclass
class Position:
    """An absolute position embedding added to the tokens, ``table`` (1, rows, D)."""

    kind: Literal["learned", "fixed"]
    table: Tensor
    covers_prefix: bool  # whether the first rows belong to the prefix tokens, all or the first of them


@dataclass
class AttentionView:
    """All that the library knows of a model: blocks, grid (height, width), prefix tokens, position source.

    ``absolute`` is the position embedding added to the tokens, ``None`` where position enters by the blocks alone.
    """

    model: nn.Module
    blocks: list[BlockView]
    grid: tuple[int, int]
    prefix: int
    absolute: Position | None
    width: int  # of the stream that enters the first block
    entry: nn.Module  # the first module that gets this stream
    final: nn.Module  # what follows the last block
    prefix_tokens: list[Tensor] = field(default_factory=list)
    patch_embed: nn.Conv2d | None = None
    stem_last: nn.Conv2d | None = None  # what writes the patches, where several layers stand for patch_embed
    pre_norm: nn.Module = field(default_factory=nn.Identity)  # between the embedding and the first block
    named: dict[str, Any] = field(default_factory=dict)  # what the caller had to name to have the model seen

    @property
    def patches(self) -> int:
        return self.grid[0] * self.grid[1]

    @property
    def parameter(self) -> Tensor:
        """The weights that say on which device and in which type the model is."""
        return self.blocks[0].projection("q")[0]

    @property
    def device(self) -> torch.device:
        return self.parameter.device

    @property
    def dtype(self) -> torch.dtype:
        return self.parameter.dtype

    @property
    def source(self) -> str:
        """How position reaches attention: learned, fixed, relative, rotary or mixing; of several, the exact one."""
        return self.blocks[0].source or self.position.kind

    @property
    def position(self) -> Position:
        """The absolute position embedding; raises where there is none."""
        if self.absolute is None:
            raise HeadstartError(f"{type(self.model).__name__} has no absolute position embedding.")
        return self.absolute

    @property
    def writer(self) -> nn.Conv2d | None:
        """The convolution that writes the patches into the stream, if one is seen."""
        return self.patch_embed if self.patch_embed is not None else self.stem_last

    @property
    def uniform(self) -> bool:
        """Whether every block attends over the whole grid at one width."""
        return all(b.grid == self.grid and b.width == self.width and b.mask is None for b in self.blocks)

    def position_tokens(self) -> Tensor:
        """What enters the first block where the image adds nothing: (N, D), float64."""
        prefix = [token.detach()[0].double() for token in self.prefix_tokens]
        if self.absolute is None:
            tokens = torch.cat([*prefix, torch.zeros(self.patches, self.width, device=self.device).double()])
        elif self.absolute.covers_prefix:
            table = self.absolute.table.detach()[0].double()
            tokens = torch.cat([*prefix, table.new_zeros(self.patches, self.width)])
            covered = len(table) - self.patches  # registers may come without a row of their own
            tokens[:covered] += table[:covered]
            tokens[self.prefix :] += table[covered:]
        else:
            tokens = torch.cat([*prefix, self.absolute.table.detach()[0].double()])
        return copy.deepcopy(self.pre_norm).double()(tokens)

    def position_input(self, index: int) -> Tensor:
        """LN(position embedding) as block ``index`` normalises it: (N, D), float64; LN(0) where none is added."""
        block = self.blocks[index]
        if (block.grid, block.width) == (self.grid, self.width):
            tokens = self.position_tokens()
        else:
            tokens = torch.zeros(block.prefix + block.patches, block.width, device=self.device).double()
        return copy.deepcopy(block.norm).double()(tokens).detach()

    def write_position(self, rows: Tensor) -> None:
        """Set the patches' position embedding (h·w, D) in place; prefix tokens stand nowhere, so theirs are zero."""
        table = self.position.table.detach()[0]
        if self.position.covers_prefix:
            table[: len(table) - self.patches].zero_()
        table[len(table) - self.patches :].copy_(rows)

    def snapshot(self, mlp: bool) -> Callable[[], None]:
        """Copy every weight that can be written through this view; call the result to put them back.

        ``mlp``: those of the MLPs too, two thirds of a ViT, which few changes touch.
        """
        slots = [self.absolute.table.detach()] if self.absolute is not None else []
        if self.writer is not None:
            slots += [p.detach() for p in self.writer.parameters()]
        for block in self.blocks:
            slots += block.slots()
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
        visitor: Visitor,
        first: Callable[[Tensor], None] | None = None,
        last: Callable[[Tensor], None] | None = None,
    ) -> Any:
        """Run the model on ``images`` in evaluation mode, calling ``visitor(index, block, x)`` at every block.

        ``x`` (B, N, D) is what the block's heads read: the stream, normalised, in windows where attention is. What the
        visitor writes to the block takes effect in the same pass, so one pass can solve block after block; if it
        changes the norm in front, it returns what that now gives. ``first`` gets the stream (B, N, D) that enters the
        first block, ``last`` the one that leaves the last. Returns the model's output.
        """
        self.check_images(images)
        hooks = [
            before(block.attention, functools.partial(visitor, index, block)) for index, block in enumerate(self.blocks)
        ]
        for module, look in ((self.entry, first), (self.final, last)):
            if look is not None:
                hooks.insert(0, before(module, look))
        try:
            with evaluating(self.model), torch.no_grad():
                return self.model(images.to(self.device, self.dtype))
        finally:
            for hook in hooks:
                hook.remove()

    def maps(self, images: Tensor) -> list[Tensor]:
        """Each block's attention on ``images`` (B, C, height, width): (B, H, N, N), float32; one of windows has B times
        their number in the place of B.
        """
        found: list[Tensor] = []
        self.visit(images, lambda _index, block, x: found.append(block.maps(x.float())))
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
