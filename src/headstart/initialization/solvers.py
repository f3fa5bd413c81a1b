"""The ways to find a block's Q and K, behind one shape: prepare once, then solve block by block.

``prepare(problem, scheme)`` may set the position embedding and returns ``solve(index, block, x) → Q, K`` (H, D, R),
where ``x`` (images, N, D) is what the block's heads receive: its normalised inputs, or LN(position embedding) alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from headstart.attention import AttentionView, BlockView, shift_targets
from headstart.errors import HeadstartError
from headstart.initialization.codes import Code, harmonic
from headstart.initialization.draw import Draw
from headstart.initialization.gradient import draw_start, gradient_qk, pseudo_input
from headstart.initialization.pseudoinverse import POSITION_STD, draw_noise, pseudoinverse_qk
from headstart.initialization.reading import discriminate, ridge
from headstart.initialization.sincos import read_sincos
from headstart.positions import side_by_side

if TYPE_CHECKING:
    from headstart.initialization.impulse import Impulse

__all__ = ["SOLVERS", "Problem", "Solver"]

Solve = Callable[[int, BlockView, Tensor], "tuple[Tensor, Tensor]"]


@dataclass
class Problem:
    """What every head is to look at: per block ``offsets`` (H, 2) and ``targets`` (H, T), and for the scrambled control
    the order (H, T) that takes the patch a head would look at to the one it does.
    """

    view: AttentionView
    offsets: list[Tensor]
    targets: list[Tensor]
    scramble: Tensor | None
    position_std: float
    draw: Draw
    bias_error: float | None = None  # largest difference of a relative bias from the one wanted

    @classmethod
    def make(
        cls, view: AttentionView, offsets: list[Tensor], scrambled: bool, position_std: float, draw: Draw
    ) -> Problem:
        targets = [shift_targets(b.grid, block) for b, block in zip(view.blocks, offsets, strict=True)]
        scramble = None
        if scrambled:
            scramble = torch.stack([draw.permutation(view.patches) for _ in range(len(offsets[0]))])
            targets = [torch.where(t >= 0, scramble.gather(1, t.clamp(min=0)), -1) for t in targets]
        return cls(view, offsets, targets, scramble, position_std, draw)

    @property
    def position(self) -> Tensor:
        """The patches' position embedding (T, D), float64."""
        return self.view.position.table.detach()[0, -self.view.patches :].double()

    def rescale_position(self) -> None:
        """Bring a learned embedding to the root mean square asked for."""
        if self.view.position.kind == "learned":
            rms = self.position.square().mean().sqrt().clamp(min=1e-12)
            self.view.write_position(self.position * (self.position_std / rms))


@dataclass(frozen=True)
class Solver:
    prepare: Callable[[Problem, Impulse], Solve]
    sharpness: float | None  # asked for when the caller names none
    position_std: float | None = None  # of a learned embedding, likewise; None goes by the content beside it
    fits: bool = False  # whether Q and K depend on the very inputs they are solved on
    same_code: bool = False  # whether all heads read one code, so that heads of one offset have the same logits


def _prepare_code(problem: Problem) -> tuple[Code, Tensor, Tensor, Tensor | None]:
    """The code that heads use, its tables for queries and keys (H, T, C), and how LN(position) gives them, if known.

    A learned embedding is set to carry the code; in a fixed sin-cos one its own frequencies are the code.
    """
    view = problem.view
    heads = view.blocks[0].heads
    # Each head's code has its share of the width, which attention may be narrower or wider than.
    size = min(view.blocks[0].head_dim, view.width // heads)
    need = 2 if problem.scramble is None else 4
    if size < need:
        raise HeadstartError(
            f"a head of {size} channels cannot carry a position code; use fewer heads, each with at least {need}."
        )
    reach = max(int(block.abs().max()) for block in problem.offsets)
    known: Tensor | None = None  # (queries and keys, H, D, C)
    if view.position.kind == "learned":
        # The scrambled control needs two codes per head: where a patch is, and where its order puts it.
        code = harmonic(view.grid, size if problem.scramble is None else size // 2, reach).to(view.device)
        queries = code.on(view.grid).expand(heads, -1, -1)
        keys = _scrambled(queries, problem.scramble)
        tables = [*queries] if problem.scramble is None else [*queries, *keys]
        table, reads = side_by_side(tables, view.width, problem.position_std)
        view.write_position(table)
        known = torch.stack([torch.stack(reads[:heads]), torch.stack(reads[-heads:])])
    else:
        found = read_sincos(problem.position.cpu(), view.grid, size)
        code = (found[0] if found else harmonic(view.grid, size, reach)).to(view.device)
        queries = code.on(view.grid).expand(heads, -1, -1)
        keys = _scrambled(queries, problem.scramble)
        if found and problem.scramble is None:
            known = found[1].to(view.device).expand(2, heads, -1, -1)
    return code, queries, keys, known


def _scrambled(queries: Tensor, scramble: Tensor | None) -> Tensor:
    if scramble is None:
        return queries
    return torch.stack([z[order.argsort()] for z, order in zip(queries, scramble, strict=True)])


def _heads(code: Code, reads: Tensor, offsets: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Q and K (H, D, R) that read the code, Q rotated by each head's offset; channels it does not need are zero."""
    queries, keys = reads
    q = torch.stack([read @ code.rotation(offset) for read, offset in zip(queries, offsets, strict=True)])
    pad = (0, size - q.shape[-1])
    return nn.functional.pad(q, pad), nn.functional.pad(keys, pad)


def _plain(view: AttentionView, block: BlockView) -> bool:
    """Whether LN(position embedding) is the embedding but for its scale and mean."""
    norm = block.norm
    if not isinstance(norm, nn.LayerNorm) or not isinstance(view.pre_norm, nn.Identity):
        return False
    return (norm.weight is None or bool((norm.weight == 1).all())) and (norm.bias is None or not norm.bias.any())


def _regress(problem: Problem, queries: Tensor, keys: Tensor, x: Tensor, strength: float) -> Tensor:
    """The same reads by ridge regression; prefix tokens are to carry no code, so that no row looks at them."""
    pad = (0, 0, problem.view.prefix, 0)
    if problem.scramble is None:  # one code for all heads: solve it once
        read = ridge(x, nn.functional.pad(queries[0], pad), strength)
        return read.expand(2, len(queries), -1, -1)
    return torch.stack([ridge(x, nn.functional.pad(z, pad), strength) for z in (queries, keys)])


def _rotation(problem: Problem, scheme: Impulse) -> Solve:
    code, queries, keys, known = _prepare_code(problem)

    def solve(index: int, block: BlockView, x: Tensor) -> tuple[Tensor, Tensor]:
        reads = known
        if reads is None or not _plain(problem.view, block):
            reads = _regress(problem, queries, keys, problem.view.position_input(index)[None], 1e-9)
        return _heads(code, reads, problem.offsets[index], block.head_dim)

    return solve


def _decoder(problem: Problem, scheme: Impulse) -> Solve:
    if problem.view.position.kind == "fixed":
        return _discriminator(problem)
    code, queries, keys, _ = _prepare_code(problem)

    def solve(index: int, block: BlockView, x: Tensor) -> tuple[Tensor, Tensor]:
        reads = _regress(problem, queries, keys, x, 1e-3)
        return _heads(code, reads, problem.offsets[index], block.head_dim)

    return solve


def _discriminator(problem: Problem) -> Solve:
    """The decoder for an embedding that may not be set: the code, too, is found in what the blocks receive."""

    def solve(index: int, block: BlockView, x: Tensor) -> tuple[Tensor, Tensor]:
        q, k = discriminate(x, problem.targets[index], problem.view.prefix, block.head_dim)
        pad = (0, block.head_dim - k.shape[-1])
        return nn.functional.pad(q, pad), nn.functional.pad(k, pad)

    return solve


def _pseudoinverse(problem: Problem, scheme: Impulse) -> Solve:
    problem.rescale_position()

    def solve(index: int, block: BlockView, x: Tensor) -> tuple[Tensor, Tensor]:
        targets = problem.targets[index].to(problem.view.device)
        noise = draw_noise(block.heads, problem.view.patches, problem.draw)
        return pseudoinverse_qk(problem.position, targets, block.head_dim, noise)

    return solve


def _gradient(problem: Problem, scheme: Impulse) -> Solve:
    problem.rescale_position()
    normalised = nn.functional.layer_norm(problem.position, problem.position.shape[1:])

    def solve(index: int, block: BlockView, x: Tensor) -> tuple[Tensor, Tensor]:
        q, k = draw_start(block.heads, problem.view.width, block.head_dim, problem.draw)
        stand_in = pseudo_input(scheme.pseudo_input, normalised, problem.draw)
        targets = problem.targets[index].to(problem.view.device)
        return gradient_qk(stand_in, targets, q, k, block.scale, steps=scheme.steps)

    return solve


SOLVERS: dict[str, Solver] = {
    "rotation": Solver(_rotation, 0.5, same_code=True),
    "decoder": Solver(_decoder, 0.5, fits=True),
    "pseudoinverse": Solver(_pseudoinverse, None, POSITION_STD),
    "gradient": Solver(_gradient, None, POSITION_STD),
}
