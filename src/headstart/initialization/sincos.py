"""Shifts from a fixed sin-cos table: which of its channels to read, and with which weights.

The table may not be changed, but each of its frequencies (one sine and one cosine channel on one axis) already is a
code in which a shift is a rotation. So heads read those channels, weighted.

Shapes: ``T`` patches, ``D`` width, ``F`` frequencies, ``G`` patches on one axis.
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.initialization.codes import Code

__all__ = ["read_sincos", "sharpest_weights"]

_DESIGN_GAIN = 20.0  # the logit gain that weights are chosen for; the true gain is fitted afterwards
_STEPS = 300


def read_sincos(table: Tensor, grid: tuple[int, int], channels: int) -> tuple[Code, Tensor] | None:
    """A code of at most ``channels`` channels carried by a sin-cos ``table`` (T, D), and how LayerNorm's output gives
    it.

    Returns the code and ``read`` (D, C) such that LayerNorm(table) @ read = z / σ_p, with σ_p the row's standard
    deviation (nearly constant). LayerNorm subtracts the row's mean, which depends on position: ``read`` cancels that
    with channels that are zero over the whole grid, as the lowest frequencies' sines are. ``None`` if the table is not
    sin-cos.
    """
    table = table.double()
    axes = [_axis_channels(table.unflatten(0, grid), axis) for axis in (0, 1)]
    if not all(axes):
        return None
    each = max(channels // 4, 1)  # frequencies per axis: a cosine and a sine each
    frequencies, weights, columns = [], [], []
    for axis, found in enumerate(axes):
        omega = torch.tensor(sorted(found, reverse=True), dtype=torch.float64)
        share = _axis_weights(omega, grid[axis], each)
        for i in share.nonzero()[:, 0].tolist():
            frequencies.append([omega[i].item(), 0.0] if axis == 0 else [0.0, omega[i].item()])
            weights.append(share[i] / 2)
            columns.append(found[omega[i].item()])  # (D, 2): reads (cos, sin)
    code = Code(torch.tensor(frequencies, dtype=torch.float64), torch.stack(weights))
    read = torch.cat(
        [torch.stack([c[:, part] for c in columns], 1) for part in (0, 1)], 1
    ) * code.weights.sqrt().repeat(2)
    return code, read - _silent(table)[:, None] * read.sum(0)


def _axis_channels(table: Tensor, axis: int) -> dict[float, Tensor]:
    """The frequencies on one axis, each with the channel combination (D, 2) that gives its (cos, sin)."""
    line = table.select(1 - axis, 0)  # (G, D)
    G = line.shape[0]
    along = (table - line.unsqueeze(1 - axis)).abs().amax(dim=(0, 1)) < 1e-4  # varies on this axis only
    steady = (line[1:] - line[:-1]).abs().amax(0) < 1e-4
    found: dict[float, list[int]] = {}
    position = torch.arange(G, dtype=torch.float64, device=line.device)
    for channel in (along & ~steady).nonzero()[:, 0].tolist():
        f = line[:, channel]
        # A sinusoid obeys f(p+1) + f(p−1) = 2 cos ω · f(p).
        middle = f[1:-1]
        cosine = ((f[2:] + f[:-2]) @ middle / (2 * middle @ middle).clamp(min=1e-12)).clamp(-1, 1)
        omega = cosine.acos().item()
        waves = torch.stack([(position * omega).cos(), (position * omega).sin()], -1)
        fit = torch.linalg.lstsq(waves, f[:, None]).solution
        if omega > 0.02 and (waves @ fit - f[:, None]).abs().max() < 1e-3:
            near = next((o for o in found if abs(o - omega) < 2e-3), omega)
            found.setdefault(near, []).append(channel)
    pairs = {}
    for omega, members in found.items():
        waves = torch.stack([(position * omega).cos(), (position * omega).sin()], -1)
        mix = torch.linalg.lstsq(waves, line[:, members]).solution  # channel = waves @ mix
        if len(members) >= 2 and torch.linalg.matrix_rank(mix, rtol=1e-2) == 2:
            read = torch.zeros(line.shape[1], 2, dtype=torch.float64, device=line.device)
            read[members] = torch.linalg.pinv(mix)
            pairs[omega] = read
    return pairs


def _axis_weights(omega: Tensor, size: int, limit: int) -> Tensor:
    """Weights w ≥ 0, Σ w = 1, at most ``limit`` of them non-zero, for the sharpest peak on one axis."""
    position = torch.arange(size, dtype=torch.float64)
    return sharpest_weights(torch.cos((position[:, None] - position)[..., None] * omega), torch.arange(size), limit)


def sharpest_weights(waves: Tensor, targets: Tensor, limit: int) -> Tensor:
    """Weights w (F,) ≥ 0, Σ w = 1, at most ``limit`` of them non-zero, for the sharpest peak of ``waves`` (t, j, F).

    They are to maximise the mean over rows t of log softmax_j (g Σ_i w_i waves_tji) at j = ``targets``[t], a concave
    function: frequencies are taken one by one, each the best beside those before at equal weights (neighbours are
    nearly alike, so the largest weights of all would be copies of one), then exponentiated gradient sets the weights.
    """
    rows = torch.arange(len(waves), device=waves.device)

    def score(kernel: Tensor) -> Tensor:  # (t, j, …) → (…)
        return torch.log_softmax(_DESIGN_GAIN * kernel, dim=1)[rows, targets].mean(0)

    chosen: list[int] = []
    best = -float("inf")
    while len(chosen) < min(limit, waves.shape[-1]):
        scores = score((waves[..., chosen].sum(-1, keepdim=True) + waves) / (len(chosen) + 1))
        scores[chosen] = -float("inf")
        if scores.max() <= best:
            break
        best = float(scores.max())
        chosen.append(int(scores.argmax()))
    picked = waves[..., chosen]
    peaks = picked[rows, targets]
    w = torch.full((len(chosen),), 1 / len(chosen), dtype=torch.float64, device=waves.device)
    for _ in range(_STEPS):
        softmax = torch.softmax(_DESIGN_GAIN * picked @ w, dim=-1)
        gradient = _DESIGN_GAIN * (peaks - torch.einsum("tj,tjf->tf", softmax, picked)).mean(0)
        w = w * (0.5 * gradient).exp()
        w = w / w.sum()
    full = torch.zeros(waves.shape[-1], dtype=torch.float64, device=waves.device)
    return full.index_copy_(0, torch.tensor(chosen, device=waves.device), w)


def _silent(table: Tensor) -> Tensor:
    """U (D,) with Σ u = 1 and table @ u ≈ 0 at every position: the quietest mean of channels, by least squares."""
    gram = table.T @ table / len(table)
    gram.diagonal().add_(1e-8 * gram.diagonal().mean())
    u = torch.cholesky_solve(
        torch.ones(len(gram), 1, dtype=torch.float64, device=table.device), torch.linalg.cholesky(gram)
    )
    return u[:, 0] / u.sum()
