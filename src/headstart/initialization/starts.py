"""How a block's heads are made to look at their targets, for each way in which position reaches attention.

A start writes the weights of one block: ``start(index, block, x, sharpness)``, where ``x`` (n, N, D) is what the
block's heads read, and ``sharpness`` the target mass asked for, or ``None`` for a solver's own. It returns what they
read afterwards if it changed the norm in front of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from headstart.attention import BlockView, MixingView
from headstart.errors import HeadstartError
from headstart.initialization.constants import reserve_prefix, write_constants
from headstart.initialization.mixing import covered, write_mixing
from headstart.initialization.qk_norm import normalise, reset_norm
from headstart.initialization.relative import write_table
from headstart.initialization.rotary import Constants, find_constants
from headstart.initialization.sharpness import at, few, fit_gain
from headstart.initialization.solvers import Problem, Solve, Solver
from headstart.initialization.values import content_std, zero_bias

if TYPE_CHECKING:
    from headstart.initialization.impulse import Impulse

__all__ = ["Start", "absolute_start", "check_source", "mixing_start", "relative_start", "rotary_start"]

Start = Callable[[int, BlockView, Tensor, "float | None"], "Tensor | None"]
QK = tuple[Tensor, Tensor]
_FOLDS = 4


def absolute_start(problem: Problem, solver: Solver, scheme: Impulse) -> Start:
    """Q and K read an absolute embedding, found by ``solver`` and scaled to the sharpness asked for."""
    solve = solver.prepare(problem, scheme)
    known: dict[tuple, Tensor] = {}  # gains on the input below
    seen: Tensor | None = None

    def fit(index: int, block: BlockView, x: Tensor, asked: QK, found: QK, sharpness: float) -> Tensor:
        parts = _parts(solve, index, block, x, asked, solver.fits)
        exact = found[0] is asked[0]
        if not exact:  # what was asked for from a fold comes out changed alike
            change = [came - wanted for came, wanted in zip(found, asked, strict=True)]
            parts = [((q + change[0], k + change[1]), part) for (q, k), part in parts]
        count, targets = sum(len(part) for _, part in parts), problem.targets[index]

        def gains(heads: list[int]) -> Tensor:
            return fit_gain(
                lambda i, rows: (None, _logits(block, parts, heads[i], rows)),
                count, block, targets[heads], sharpness, shared=block.has_qk_norm,
            )  # fmt: skip

        same = solver.same_code and problem.scramble is None and exact
        if len(x) > 1 or not same or block.has_qk_norm:
            return gains(list(range(block.heads)))
        # On position alone heads with one code and one offset need one gain, in whichever block they are.
        nonlocal seen
        if seen is None or not torch.equal(x, seen):
            known.clear()
            seen = x
        keys = [(*offset, sharpness, block.scale) for offset in problem.offsets[index].tolist()]
        new = {key: head for head, key in enumerate(keys) if key not in known}
        if new:
            known.update(zip(new, gains(list(new.values())), strict=True))
        return torch.stack([known[key] for key in keys])

    def start(index: int, block: BlockView, x: Tensor, sharpness: float | None) -> None:
        own = block.read("k")
        q, k = asked = solve(index, block, x)
        zero_bias(block, "q", "k")
        found = asked
        if sharpness is not None:
            q, k = found = block.write_qk(*asked)
            gain = fit(index, block, x, asked, found, sharpness)
            if block.has_qk_norm:  # scaling Q and K would be normalised away; a norm without scale leaves it at one
                for norm in (block.q_norm, block.k_norm):
                    reset_norm(norm, float(gain[0].sqrt()))
            else:
                q, k = (w * gain.sqrt()[:, None, None] for w in (q, k))
        if found[0] is asked[0] and not block.has_qk_norm:
            k = _alive(q, k, own)
        block.write_qk(q, k)

    return start


def _alive(q: Tensor, k: Tensor, own: Tensor) -> Tensor:
    """K (H, D, R) with the block's ``own`` weights in channels that neither Q nor K use.

    A channel's logits are the same as long as one of the two is zero, but each one's gradient is the other times
    something: with both at zero the channel would never learn. (A norm of queries and keys mixes channels, so there
    both stay zero.)
    """
    unused = ~(q.any(1, keepdim=True) | k.any(1, keepdim=True))
    return torch.where(unused, own.to(k), k)


def _parts(solve: Solve, index: int, block: BlockView, x: Tensor, found: QK, fits: bool) -> list[tuple[QK, Tensor]]:
    """Weights, each with inputs to try them on.

    Weights that were fitted to the images see their targets better on these than on others, so the gain is found by
    cross-validation: each fold of the images is seen through weights solved on the other folds.
    """
    if not fits or len(x) < 2:
        return [(found, few(x))]
    folds = x.chunk(min(_FOLDS, len(x)))
    others = [torch.cat([fold for j, fold in enumerate(folds) if j != i]) for i in range(len(folds))]
    return [(solve(index, block, rest), few(fold)) for rest, fold in zip(others, folds, strict=True)]


def _logits(block: BlockView, parts: list[tuple[QK, Tensor]], head: int, rows: Tensor) -> Tensor:
    """The logits (n, r, N) of one head and the tokens ``rows`` over all parts."""
    found = []
    sizes = [len(x) for _, x in parts]
    each = rows.split(sizes) if len(rows) > 1 else [rows] * len(parts)
    for ((q, k), x), own in zip(parts, each, strict=True):
        queries, keys = at(x, own) @ q[head].to(x), x @ k[head].to(x)
        if block.has_qk_norm:
            queries, keys = normalise(block.q_norm, queries), normalise(block.k_norm, keys)
        found.append(queries @ keys.transpose(-1, -2) * block.scale)
    return torch.cat(found)


def relative_start(problem: Problem) -> Start:
    """The relative bias carries the impulse: one entry of its table per head."""

    def start(index: int, block: BlockView, x: Tensor, sharpness: float | None) -> None:
        assert block.bias is not None and sharpness is not None
        error = write_table(block, block.bias, problem.targets[index], few(x, block.windows), sharpness)
        problem.bias_error = max(problem.bias_error or 0.0, error)

    return start


def rotary_start(problem: Problem) -> Start:
    """Constant queries and keys, which the rotation itself makes peak at the offset."""
    known: dict[int, list[Constants]] = {}  # blocks that share their rotation share most of the work
    reserved = reserve_prefix(problem.view)

    def constants(block: BlockView, targets: Tensor) -> Constants:
        assert block.rotate is not None
        angles = known.setdefault(id(block.rotate), [])
        found = find_constants(block, targets, angles[0] if angles else None)
        angles[:] = angles or [found]
        return found

    def start(index: int, block: BlockView, x: Tensor, sharpness: float | None) -> Tensor | None:
        assert sharpness is not None
        targets = problem.targets[index].to(block.device)
        written = block.read("o").double()
        block.write("o", written - written @ reserved @ reserved.T)
        shift = write_constants(block, constants(block, targets), targets, few(x), sharpness)
        return x + shift if shift else None

    return start


def mixing_start(problem: Problem, value: str) -> Start:
    """A Mixer's hidden units read a patch and write to another; rows they do not reach have no target."""
    spread = content_std(problem.view)

    def start(index: int, block: BlockView, x: Tensor, sharpness: float | None) -> None:
        assert isinstance(block, MixingView) and sharpness is not None
        problem.targets[index] = covered(block, problem.targets[index])
        write_mixing(block, problem.targets[index], sharpness, value, len(problem.targets), spread)

    return start


def check_source(source: str, scheme: Impulse) -> None:
    """Raise unless the scheme's solver and control can be had where position enters by ``source``."""
    if source in ("learned", "fixed"):
        return
    if scheme.solver in ("pseudoinverse", "gradient"):
        raise HeadstartError(
            f"solver {scheme.solver!r} needs an absolute position embedding, and this model's position is {source}; "
            "use 'auto'."
        )
    if scheme.control == "scrambled":
        raise HeadstartError(
            f"control='scrambled' needs an absolute position embedding: with {source} position every row looks at the "
            "same offset."
        )
