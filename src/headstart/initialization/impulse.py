"""Structured initialization: every attention head begins as a shift.

Shapes: ``N`` tokens, ``T`` patches, ``D`` width, ``H`` heads, ``R`` head dim, ``L`` blocks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor

from headstart.attention import AttentionView, BlockView
from headstart.errors import HeadstartError, unknown
from headstart.initialization.content import among_content, check_content, content_places, write_content
from headstart.initialization.draw import Draw
from headstart.initialization.offsets import Offsets, block_offsets, paired
from headstart.initialization.scheme import Aim, Scheme
from headstart.initialization.sharpness import per_block
from headstart.initialization.solvers import SOLVERS, Problem
from headstart.initialization.starts import absolute_start, check_source, mixing_start, relative_start, rotary_start
from headstart.initialization.values import (
    RESERVING,
    VALUES,
    content_std,
    position_std,
    quieten_content,
    reserve_position,
    write_values,
)

__all__ = ["Impulse"]


@dataclass(frozen=True)
class Impulse(Scheme):
    """Each head attends to the patch at one offset (dy, dx), as an impulse convolution filter does
    (2401.12511, 2404.01139, 2505.19985).

    ``kernel``: the odd side k of the window that offsets come from. ``offsets``: "cycle" (on through the window from
    block to block), "random" (per block, without repetition until the window is used up), "released" (the same order
    in every block), or the offsets, one (dy, dx) per head.

    ``solver``: how Q and K are found. "rotation" (closed form, exact on the position embedding), "decoder" (closed
    form, exact on the real inputs of every block; needs images), "pseudoinverse" (2505.19985 as released), "gradient"
    (2404.01139 as released, with ``steps`` and ``pseudo_input``), or "auto": decoder when images are given, else
    rotation.

    ``sharpness``: the target mass asked for, in (0, 1), a number or one per block; ``None`` takes the solver's own:
    0.5 for rotation and decoder, whatever their constants give for the released two.

    ``value``: the start of the value and output weights. "contrast", which trained best where measured, takes from each
    patch a share of what its heads look at, less in a deeper network; "balanced" keeps every spatial frequency's gain
    near one at any depth; "mimetic" is 0.4·Z − 0.4·I, "random" 0.7·Z; "default" leaves them.

    ``content_heads``: how many heads of each block look at content instead, at patches like their own, by the Q and K
    of mimetic initialization (2305.09828; Q Kᵀ is the best rank-R part of 0.7·Z + 0.7·I); from block to block it is
    other heads in turn. ``offsets`` are those of the others.

    ``control``: "scrambled" permutes each head's targets by one fixed permutation: as sharp, but not local.

    ``position_std``: root mean square of the position embedding that rotation and decoder write, and that the released
    solvers rescale to; ``None`` takes the solver's own: for the first two 1.25 times what the patch embedding is
    expected to write, between 0.36 and 0.7 (which it is in the usual models), and the released 18 × 0.02 = 0.36. A
    fixed embedding is never touched; with contrast or balanced values, what the patch embedding and the MLPs write into
    its directions is removed instead, and with the decoder the patch embedding is lowered where it would be more than
    0.4 of the table.
    """

    kernel: int = 3
    offsets: Offsets = "cycle"
    solver: Literal["auto", "rotation", "decoder", "pseudoinverse", "gradient"] = "auto"
    sharpness: float | tuple[float, ...] | None = None
    value: Literal["contrast", "balanced", "mimetic", "random", "default"] = "contrast"
    content_heads: int = 0
    control: Literal["none", "scrambled"] = "none"
    position_std: float | None = None
    steps: int = 10_000
    pseudo_input: str = "position"

    name: ClassVar[str] = "impulse"
    normalised_ok: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "sharpness", _frozen(self.sharpness))
        object.__setattr__(self, "offsets", paired(_frozen(self.offsets)))
        for field, choices in (
            ("solver", ("auto", *SOLVERS)),
            ("value", VALUES),
            ("control", ("none", "scrambled")),
        ):
            if getattr(self, field) not in choices:
                raise unknown(field, getattr(self, field), choices)
        count = self.content_heads
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise HeadstartError(f"content_heads: expected a whole number of heads from 0 up, got {count!r}.")
        if not isinstance(self.steps, int) or isinstance(self.steps, bool) or self.steps < 0:
            raise HeadstartError(f"steps: expected a whole number of steps from 0 up, got {self.steps!r}.")
        size = self.position_std
        if size is not None and not (isinstance(size, int | float) and 0 < size < math.inf):
            raise HeadstartError(f"expected position_std above 0 and finite, got {size!r}: 0.36, say, or leave it out.")
        if self.sharpness is not None:
            per_block(self.sharpness, len(self.sharpness) if isinstance(self.sharpness, tuple) else 1)

    @property
    def uses_images(self) -> bool:
        return self.whiten or self.solver == "decoder"

    def apply(self, view: AttentionView, draw: Draw, images: Tensor | None) -> Aim:
        depth, source = len(view.blocks), view.source
        check_source(source, self)
        solver = SOLVERS[self.solver if self.solver != "auto" else "decoder" if images is not None else "rotation"]
        asked = self.sharpness if self.sharpness is not None else solver.sharpness
        sharpness = None if asked is None else per_block(asked, depth)
        heads, grids = [b.heads for b in view.blocks], [b.grid for b in view.blocks]
        if self.content_heads:
            check_content(self.content_heads, view)
        content = content_places(heads, self.content_heads)
        shifting = [count - self.content_heads for count in heads]
        taken = block_offsets(self.offsets, self.kernel, shifting, grids, draw)
        offsets = [among_content(*block) for block in zip(taken, heads, content, strict=True)]
        size = self.position_std or solver.position_std or position_std(view)
        problem = Problem.make(view, offsets, self.control == "scrambled", size, draw)
        if source == "relative":
            start = relative_start(problem)
        elif source == "rotary":
            start = rotary_start(problem)
        elif source == "mixing":
            start = mixing_start(problem, self.value)
        else:
            start = absolute_start(problem, solver, self)
        reserved = reserve_position(view) if source == "fixed" and self.value in RESERVING else None
        if reserved is not None and solver.fits:
            quieten_content(view)
        spread = content_std(view)

        def look(stream: Tensor) -> None:
            nonlocal spread
            spread = stream.double().square().mean().sqrt().item()

        def begin(index: int, block: BlockView, x: Tensor) -> Tensor | None:
            if source != "mixing":
                write_values(block, self.value, depth, spread, draw, reserved)
            after = start(index, block, x, None if sharpness is None else sharpness[index])
            if content[index]:
                write_content(block, content[index], draw)
            return after

        if images is None:
            for index, block in enumerate(view.blocks):
                begin(index, block, view.position_input(index)[None])
        else:
            view.visit(images, begin, first=look)
        return Aim(offsets, problem.targets, content, sharpness, *self._told(taken), problem.bias_error)

    def _told(self, offsets: list[Tensor]) -> tuple[list[str], list[str]]:
        """Notes and remarks on a window that the heads of one block are too few for; ``offsets`` (H, 2) per block."""
        heads, size = len(offsets[0]), self.kernel**2
        if not isinstance(self.offsets, str) or heads >= size:
            return [], []
        taken = len({(dy, dx) for block in offsets for dy, dx in block.tolist()})
        few = f"{heads} heads cannot cover the {self.kernel}×{self.kernel} window of {size} offsets in one block; "
        if self.offsets == "released":
            return [few + "every block has the same offsets."], []
        if taken < size:
            return [few + f"all blocks together take {taken} of them."], []
        return [], [few + "other blocks take others."]


def _frozen(value: Any) -> Any:
    """Lists and tensors as tuples, however deep, so that a scheme can be hashed and its text gives the same again."""
    value = value.tolist() if isinstance(value, Tensor) else value
    return tuple(map(_frozen, value)) if isinstance(value, (list, tuple)) else value
