"""Synthetic data whose labels live in sets of patches: the spatially structured distribution of 2210.09221.

Shapes: ``n`` samples, ``T`` patches (the paper's D) of dimension ``d``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from headstart.errors import HeadstartError

__all__ = ["SpatialSample", "SpatialTask", "contiguous_sets", "scattered_sets", "spatial_task"]


def contiguous_sets(patches: int, size: int) -> Tensor:
    """Sets of ``size`` neighbours, which suit a convolution: the number of each patch's set, int64 (T,).

    >>> contiguous_sets(6, 2).tolist()
    [0, 0, 1, 1, 2, 2]
    """
    if size < 1 or patches < 1 or patches % size:
        raise HeadstartError(
            f"expected sets that {patches} patches can be parted into, got sets of {size}; use a divisor of {patches}."
        )
    return torch.arange(patches) // size


def scattered_sets(patches: int, size: int, generator: torch.Generator) -> Tensor:
    """Sets of ``size`` patches that lie anywhere: the number of each patch's set, int64 (T,)."""
    return contiguous_sets(patches, size)[torch.randperm(patches, generator=generator)]


@dataclass(frozen=True)
class SpatialSample:
    """Patches float32 (n, T, d), labels float32 (n,) of −1 and +1, and which set held each label, int64 (n,)."""

    patches: Tensor
    labels: Tensor
    chosen: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: slice) -> SpatialSample:
        """The samples that ``index`` chooses."""
        return SpatialSample(self.patches[index], self.labels[index], self.chosen[index])


@dataclass(frozen=True)
class SpatialTask:
    """One distribution: draw a label y = ±1 and a set S uniformly; then, for each patch j,

        X_j = y·w + ξ_j  for j in S,     X_j = δ_j·w + ξ_j  else,

    with δ_j = +1 or −1 at probability q/2 each, else 0, and noise ξ_j ~ N(0, σ²·I), not kept orthogonal to w. So all
    patches of the set agree with the label, the others say yes or no by chance, and which they are changes from one
    sample to the next.

    Args:
        sets: the number of each patch's set, int64 (T,), all of one size.
        feature: w, a unit vector, float32 (d,).
        rate: q in [0, 1]. A re-implementation of the paper's code has q/4 for each sign, half of the paper's.
        noise: σ.

    Raises :class:`~headstart.errors.HeadstartError` for sets of unequal size, a feature that is no unit vector, and a
    rate or noise out of range.
    """

    sets: Tensor
    feature: Tensor
    rate: float
    noise: float

    def __post_init__(self) -> None:
        sizes = torch.bincount(self.sets)
        if (sizes != sizes[0]).any():
            raise HeadstartError(f"expected sets of one size, numbered from 0, got sizes {sizes.tolist()}.")
        if abs(self.feature.norm().item() - 1) > 1e-4:
            raise HeadstartError(f"feature must have length 1, got {self.feature.norm().item():.3g}; divide by it.")
        if not 0 <= self.rate <= 1 or self.noise < 0:
            raise HeadstartError(
                f"expected a rate from 0 to 1 and noise of at least 0, got rate {self.rate:g} and noise {self.noise:g}."
            )

    @property
    def patches(self) -> int:
        """T."""
        return len(self.sets)

    @property
    def size(self) -> int:
        """C, patches in a set."""
        return int((self.sets == 0).sum())

    def sample(self, count: int, generator: torch.Generator) -> SpatialSample:
        """``count`` samples; all randomness from ``generator``, on the CPU."""
        patches, dimension = self.patches, len(self.feature)
        labels = torch.randint(2, (count,), generator=generator) * 2 - 1
        chosen = torch.randint(int(self.sets.max()) + 1, (count,), generator=generator)
        uniform = torch.rand(count, patches, generator=generator)
        votes = (uniform < self.rate / 2).int() - (uniform > 1 - self.rate / 2).int()
        said = torch.where(self.sets == chosen[:, None], labels[:, None], votes).float()
        seen = torch.randn(count, patches, dimension, generator=generator).mul_(self.noise)
        seen += said[..., None] * self.feature
        return SpatialSample(seen, labels.float(), chosen)

    def log_odds(self, patches: Tensor) -> Tensor:
        """Log P(y = +1 | X) − log P(y = −1 | X), (n,), for one who knows the task: its sign is the best guess there is.

        With u_j = ⟨w, X_j⟩ and φ the density of N(0, σ²),

            P(X | y) ∝ Σ_ℓ Π_{j ∈ S_ℓ} φ(u_j − y) / ((1 − q)·φ(u_j) + q/2·φ(u_j − 1) + q/2·φ(u_j + 1)).

        Some samples can't be told: a set other than the label's says the opposite as one, which happens to each at
        probability (q/2)^C. So the smallest error is not 0, unless sets are large or q is small.
        """
        seen = patches.double() @ self.feature.double()
        noise = max(self.noise, 1e-6)

        def normal(said: float) -> Tensor:
            return -((seen - said) ** 2) / (2 * noise**2)

        chances = ((0.0, 1 - self.rate), (1.0, self.rate / 2), (-1.0, self.rate / 2))
        by_chance = torch.stack(
            [normal(s) + math.log(p) if p else torch.full_like(seen, -torch.inf) for s, p in chances]
        )
        members = torch.nn.functional.one_hot(self.sets).double()

        def total(label: float) -> Tensor:
            return ((normal(label) - by_chance.logsumexp(0)) @ members).logsumexp(-1)

        return total(1.0) - total(-1.0)

    def best_error(self, sample: SpatialSample) -> float:
        """Share of the sample that the best guess gets wrong; what can't be told counts half."""
        sure = self.log_odds(sample.patches) * sample.labels
        return ((sure < -1e-6).double() + 0.5 * (sure.abs() <= 1e-6).double()).mean().item()

    def with_feature(self, generator: torch.Generator) -> SpatialTask:
        """Another task of the same spatial structure: the same sets, and a new random feature."""
        return replace(self, feature=_unit(len(self.feature), generator))

    def with_sets(self, sets: Tensor) -> SpatialTask:
        """The same feature in other sets: the control that shares all but the structure."""
        return replace(self, sets=sets)


def spatial_task(
    generator: torch.Generator,
    *,
    patches: int = 10,
    size: int = 2,
    scattered: bool = True,
    dimension: int | None = None,
) -> SpatialTask:
    """A task of the paper's simulation sizes: d = T², q = log(d)/T, σ = 1/√d, w a random unit vector.

    Args:
        generator: draws the feature, and scattered sets.
        patches: T.
        size: C; log(d)/2 ≈ 2 in the simulation.
        scattered: whether a set's patches lie anywhere, or side by side.
        dimension: d.
    """
    d = dimension or patches**2
    sets = scattered_sets(patches, size, generator) if scattered else contiguous_sets(patches, size)
    return SpatialTask(sets, _unit(d, generator), min(1.0, math.log(d) / patches), d**-0.5)


def _unit(dimension: int, generator: torch.Generator) -> Tensor:
    vector = torch.randn(dimension, generator=generator)
    return vector / vector.norm()
