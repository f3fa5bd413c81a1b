"""Giving constant queries and keys to the patches of a block: biases or what stands in for them, prefix tokens apart.

Shapes: ``N`` tokens, ``T`` patches, ``D`` width, ``H`` heads, ``R`` head dim.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from headstart.attention import AttentionView, BlockView
from headstart.errors import UnsupportedModel
from headstart.initialization.qk_norm import normalise, reset_norm
from headstart.initialization.rotary import Constants
from headstart.initialization.sharpness import at, fit_gain
from headstart.initialization.values import reserve

__all__ = ["reserve_prefix", "write_constants"]

_QUIET = 0.25  # content that meets the constants is noise to the pattern: its weights start smaller
_LOUD = 4.0  # how much larger constants are than content where both are normalised together
_RIDGE = 0.03  # power of the noise, where LayerNorm gives a token one in each channel


def write_constants(block: BlockView, found: Constants, targets: Tensor, x: Tensor, sharpness: float) -> float:
    """Give a block's queries and keys their constants, scaled so that the mean target mass on ``x`` is ``sharpness``.

    The constants are the biases of the projections; where a projection has none, LayerNorm's shift is set to one in
    every channel and the weights read the constant from the channels' mean, which is exact because LayerNorm makes the
    mean of everything else zero (the values are kept blind to it). Weights that read content stay, at a quarter.
    Prefix tokens, which no rotation turns, get neither: no row is drawn to them, and their own rows attend evenly.
    Returns by how much LayerNorm's shift was raised.
    """
    one = _one(block)
    raised = 0.0 if one is None else 1.0 - float(x.mean())
    for name in "qkv":
        weight = block.read(name)
        if one is not None:
            weight = weight - weight.mean(1, keepdim=True)
        block.write(name, weight if name == "v" else _QUIET * weight)
    if one is not None:
        x = x - x.mean(-1, keepdim=True) + 1.0
    away = _prefix_reader(x, block.prefix)
    keep = 1 - x @ away.to(x)  # (n, N): one at patches, near zero at prefix tokens
    content = [x[:, None] @ block.read(name).to(x) for name in "qk"]
    constant = [keep[:, None, :, None] * c[:, None].to(x) for c in (found.q, found.k)]  # (n, H, N, R)
    fit = _fit_normalised if block.has_qk_norm else _fit_sizes
    sizes = fit(block, content, constant, targets, sharpness)
    for name, unit, size in zip("qk", (found.q, found.k), sizes, strict=True):
        _write_constant(block, name, unit * size[:, None], one, away)
    return raised


def _fit_sizes(
    block: BlockView, content: list[Tensor], constant: list[Tensor], targets: Tensor, sharpness: float
) -> list[Tensor]:
    """How large the constants of queries and keys are to be, (H,) each.

    First the size that would do without content, shared by both; then the queries' alone is corrected for it.
    """
    turn = block.rotate or (lambda t: t)
    bare = [turn(c) for c in constant]
    want = (len(bare[0]), block, targets, sharpness)
    size = fit_gain(lambda h, rows: (None, _meet(bare[0], bare[1], h, rows, block)), *want).sqrt()
    keys = turn(content[1] + size.to(bare[0])[:, None, None] * constant[1])
    still, moving = turn(content[0]), turn(size.to(bare[0])[:, None, None] * constant[0])
    more = fit_gain(lambda h, rows: (_meet(still, keys, h, rows, block), _meet(moving, keys, h, rows, block)), *want)
    return [size * more, size]


def _fit_normalised(
    block: BlockView, content: list[Tensor], constant: list[Tensor], targets: Tensor, sharpness: float
) -> list[Tensor]:
    """The same where queries and keys are normalised: constants drown the content, the norms' scale sets the gain."""
    turn = block.rotate or (lambda t: t)
    loud = _LOUD * max(float(c.square().mean().sqrt()) for c in content) * block.head_dim**0.5
    norms = (block.q_norm, block.k_norm)
    q, k = (turn(normalise(norm, a + loud * b)) for norm, a, b in zip(norms, content, constant, strict=True))
    want = (len(q), block, targets, sharpness)
    gain = fit_gain(lambda h, rows: (None, _meet(q, k, h, rows, block)), *want, shared=True)
    for norm in norms:
        reset_norm(norm, float(gain[0].sqrt()))
    return [torch.full_like(gain, loud)] * 2


def _meet(q: Tensor, k: Tensor, head: int, rows: Tensor, block: BlockView) -> Tensor:
    return at(q[:, head], rows) @ k[:, head].transpose(-1, -2) * block.scale


def _one(block: BlockView) -> Tensor | None:
    """Set LayerNorm's shift to one where a projection has no bias; returns the reader (D,) of that one, if needed."""
    if block.has_bias("q") and block.has_bias("k"):
        return None
    norm = block.norm
    shift = getattr(norm, "bias", None)
    if not isinstance(norm, nn.LayerNorm) or not isinstance(shift, Tensor):
        raise UnsupportedModel(
            f"queries or keys have no bias, and the {type(norm).__name__} in front has no shift to stand in for it; "
            "build the model with qkv_bias=True."
        )
    shift.detach().fill_(1.0)
    return torch.full((block.width,), 1 / block.width, dtype=torch.float64, device=block.device)


def reserve_prefix(view: AttentionView) -> Tensor:
    """Keep the prefix tokens' directions for them alone, so that patches can be told from them exactly: (D, P).

    They are the tokens less their channels' mean, which LayerNorm removes. Nothing else writes there afterwards.
    """
    rows = view.position_tokens()[: view.prefix]
    if len(rows) == 0:
        return rows.T
    rows = rows - rows.mean(1, keepdim=True)
    _, s, vh = torch.linalg.svd(rows, full_matrices=False)
    directions = vh[s > 1e-5 * s[0].clamp(min=1e-12)].T
    reserve(view, directions)
    if view.absolute is not None:
        table = view.absolute.table.detach()
        patches = table[0, -view.patches :].double()
        table[0, -view.patches :] = (patches - patches @ directions @ directions.T).to(table)
    return directions


def _prefix_reader(x: Tensor, prefix: int) -> Tensor:
    """Weights w (D,) with x @ w ≈ 1 at prefix tokens and as near zero as can be elsewhere, blind to the channels' mean.

    Of all such w it has the smallest mean square over the patches of ``x`` (n, N, D), and over noise of little power.
    """
    if prefix == 0:
        return torch.zeros(x.shape[-1], dtype=torch.float64, device=x.device)
    centred = x.double() - x.double().mean(-1, keepdim=True)
    tokens, patches = centred[:, :prefix].mean(0), centred[:, prefix:].flatten(0, 1)
    power = patches.T @ patches / len(patches)
    power.diagonal().add_(_RIDGE)
    seen = torch.linalg.solve(power, tokens.T)  # (D, P)
    gram = tokens @ seen
    gram.diagonal().add_(1e-6 * gram.diagonal().mean() + 1e-12)
    return seen @ torch.linalg.solve(gram, tokens.new_ones(prefix))


def _write_constant(block: BlockView, name: str, constant: Tensor, one: Tensor | None, away: Tensor) -> None:
    """Add ``constant`` (H, R) to what projection ``name`` gives at patches, and nothing at prefix tokens."""
    reader = -away
    if block.has_bias(name):
        block.write(f"{name}_bias", constant)
    else:
        assert one is not None
        reader = reader + one
    block.write(name, block.read(name) + reader[:, None] * constant[:, None])
