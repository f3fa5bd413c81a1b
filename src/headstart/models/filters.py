"""Banks of spatial filters for a depthwise convolution, one filter for each channel, and how much they span.

Shapes: ``C`` channels, ``k`` kernel side in cells of the grid.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from headstart.errors import HeadstartError, unknown

__all__ = ["FILTERS", "FilterRank", "filter_bank", "filter_ranks", "rank_of"]

FILTERS = ("learned", "random", "impulse", "box", "gaussian")
ENERGY = 1 / 3  # mean Σ w² of a filter at PyTorch's usual start, U(±1/k): k² · 1/(3 k²)
SPATIAL = ".0.fn.0.weight"  # how a ConvMixer's state calls the filters of a block, here and in timm


def filter_bank(
    kind: str,
    channels: int,
    kernel: int,
    *,
    taps: int | None = None,
    variance: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """One filter for each channel, (C, 1, k, k), as 2401.12511 draws them.

    ============== ================================================================ ==============================
    kind           filter w of a channel                                            rank of the bank, C ≥ k²
    ============== ================================================================ ==============================
    learned,       each weight U(−1/k, 1/k), PyTorch's usual start                  k²
    random
    impulse        1/√3 at one tap, drawn evenly; 0 elsewhere: a shift              number of different taps drawn
    box            1/√(3n) at ``taps`` n different ones, drawn evenly; 0 elsewhere  1 for n = k², else about k²
    gaussian       a·exp(−d²/(2v)), d the distance in cells from a tap drawn        number of different centres
                   evenly, v the ``variance``
    ============== ================================================================ ==============================

    All banks have a mean energy Σ w² of 1/3 a filter: in the mean over draws for random ones, over the bank for
    Gaussians (that sets a), exactly for the others. Outputs then are of one size at the start, whatever the filters.

    Args:
        kind: one of FILTERS.
        channels: C.
        kernel: k.
        taps: n of a box; all k² unless given, the plain mean of the window, as in 2404.01139's comparison.
        variance: v in cells²; the papers' value could not be found, 1 is our own.
        generator: where the numbers come from; the global random state unless given, as for every layer's weights.

    Differs from the released code: that of 2404.01139 gives impulses and boxes an energy of 1/k, the same for k = 3;
    here it is 1/3 at any k, as in that of 2401.12511.

    Raises :class:`~headstart.errors.HeadstartError` for an unknown kind and for numbers out of range.

    >>> bank = filter_bank("impulse", 64, 3, generator=torch.Generator().manual_seed(0))
    >>> bank.shape, (bank != 0).flatten(1).sum(dim=1).unique().tolist()
    (torch.Size([64, 1, 3, 3]), [1])
    """
    if kind not in FILTERS:
        raise unknown("filters", kind, FILTERS)
    if channels < 1 or kernel < 1:
        raise HeadstartError(
            f"filters need at least one channel and one tap; got {channels} channels, kernel {kernel}."
        )
    size = kernel**2
    if taps is not None and (kind != "box" or not 1 <= taps <= size):
        raise HeadstartError(
            f"taps is for filters=box, from 1 to kernel² = {size}; got taps={taps} with filters={kind}."
        )
    if variance <= 0:
        raise HeadstartError(f"variance of Gaussian filters must be above 0 cells², got {variance}.")
    if kind in ("learned", "random"):
        return (2 * torch.rand(channels, 1, kernel, kernel, generator=generator) - 1) / kernel
    if kind == "gaussian":
        center = torch.randint(kernel, (channels, 2, 1), generator=generator)
        distance = (torch.arange(kernel) - center).float() ** 2  # (C, 2, k): down and to the right
        bank = torch.exp(-(distance[:, 0, :, None] + distance[:, 1, None, :]) / (2 * variance))
        return (bank * torch.sqrt(ENERGY / bank.square().sum(dim=(1, 2)).mean()))[:, None]
    count = 1 if kind == "impulse" else size if taps is None else taps
    order = torch.rand(channels, size, generator=generator).argsort(dim=1)
    bank = torch.zeros(channels, size).scatter_(1, order[:, :count], math.sqrt(ENERGY / count))
    return bank.view(channels, 1, kernel, kernel)


@dataclass(frozen=True)
class FilterRank:
    """How much a bank of C filters spans, of its matrix W (C, k²), one flattened filter a row.

    Args:
        size: k², and so the most that rank can be, where C is at least that.
        rank: singular values σ above max(C, k²)·ε·σ₁, ε of the weights' own precision.
        stable: stable rank Σσ²/σ₁², between 1 and rank.
        effective: effective rank exp(−Σ p ln p), p = σ/Σσ (Roy and Vetterli, 2007), between 1 and rank.
        directions: filters that are no multiple of an earlier one (|cosine| below 1 − 10⁻⁶), at least rank.
    """

    size: int
    rank: int
    stable: float
    effective: float
    directions: int

    def to_dict(self) -> dict[str, float]:
        """As JSON values."""
        return asdict(self)


def rank_of(filters: Tensor) -> FilterRank:
    """How much a bank of filters, (C, 1, k, k) or (C, k²), spans.

    Why it matters (2401.12511, 2404.01139): the pointwise layer P behind a depthwise one adds its outputs up,

        y_o = Σ_c P[o, c] · (w_c ∗ x_c).

    Say the maps x_c are mixtures of m others, x_c = Σ_j Z[c, j] u_j. Then y_o = Σ_j v_oj ∗ u_j with the filters

        v_oj = Σ_c P[o, c] Z[c, j] · w_c,        in the span of the bank.

    What spatial filters a block can have is thus said by the bank's *span*, not by the filters: P can make any set of m
    filters v_oj as long as the m·k² columns Z[:, j] ⊙ W[:, t] are independent, for which C ≥ m·k² is needed and is
    enough for random filters (2404.01139's condition D ≥ k f², as a review of it tells). A bank of different impulses
    spans all k² taps as random filters do; equal boxes, however trained P is, leave only mixtures of one box (and, by
    the residual of a ConvMixer, of the map as it was). The activation and the norm between the two layers are left out
    here; ``spatial_activation=False`` leaves the former out in fact.

    Raises :class:`~headstart.errors.HeadstartError` for another shape, and for weights that are no numbers or all 0.

    >>> rank_of(filter_bank("box", 16, 3)).rank, round(rank_of(torch.eye(9)).effective, 6)
    (1, 9.0)
    """
    if filters.ndim not in (2, 4):
        raise HeadstartError(f"expected filters of shape (C, 1, k, k) or (C, k²), got {tuple(filters.shape)}.")
    eps = torch.finfo(filters.dtype).eps
    bank = filters.detach().flatten(1).double().cpu()
    if not bank.isfinite().all() or not bank.any():
        raise HeadstartError("filters must be finite numbers and not all 0, to have a rank; these are not.")
    sigma = torch.linalg.svdvals(bank)
    share = sigma / sigma.sum()
    units = nn.functional.normalize(bank[bank.any(dim=1)], dim=1)
    # Below the diagonal stand the cosines with earlier filters.
    again = ((units @ units.T).abs() >= 1 - 1e-6).tril(-1).any(dim=1)
    return FilterRank(
        bank.shape[1],
        int((sigma > max(bank.shape) * eps * sigma[0]).sum()),
        (sigma.square().sum() / sigma[0] ** 2).item(),
        torch.special.entr(share).sum().exp().item(),
        int((~again).sum()),
    )


def filter_ranks(model: nn.Module | Mapping[str, Tensor]) -> list[FilterRank]:
    """How much the spatial filters of each block span, of a ConvMixer, ours or timm's, or of its ``state_dict()``.

    Raises :class:`~headstart.errors.HeadstartError` when there are none.
    """
    state = model.state_dict() if isinstance(model, nn.Module) else model
    block = {
        int(name.split(".")[1]): weight
        for name, weight in state.items()
        if name.startswith("blocks.") and name.endswith(SPATIAL)
    }
    if not block:
        kind = type(model).__name__
        raise HeadstartError(f"expected a ConvMixer, whose filters are called blocks.N{SPATIAL}; {kind} has none.")
    return [rank_of(block[index]) for index in sorted(block)]
