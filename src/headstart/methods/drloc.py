"""Dense relative localization (2106.03746): an extra task that asks pairs of final tokens how far apart they stand.

Shapes: ``B`` images, ``P`` prefix tokens, ``D`` width, ``M`` pairs, ``k_y``·``k_x`` the grid that pairs are drawn from.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headstart.attention import AttentionView
from headstart.errors import HeadstartError, unknown
from headstart.methods.method import Method, Step
from headstart.methods.registry import register

__all__ = ["DRLoc"]


@register
class DRLoc(Method):
    """An auxiliary loss on the relative positions of random pairs of final tokens (2106.03746).

    From each image ``M`` pairs of positions a = (y, x) and b are drawn, uniformly and apart from one another. An MLP f
    (2D → hidden → 2, ReLU, not part of the model that is kept) looks at the two tokens and says how far apart they
    stand::

        loss = λ · s(progress) · mean over images, pairs and both axes of | f([e_a; e_b]) − t |
        t    = (|y_a − y_b| / k_y, |x_a − x_b| / k_x)          in [0, 1)

    Args:
        weight: λ; the paper takes 0.1 for T2T-ViT and CvT, 0.5 for Swin.
        pairs: M, of each image in each step.
        hidden: width of the MLP's hidden layers.
        layers: how many hidden layers it has; one in the paper, two in the released code.
        pool: a side of the grid that is longer is average-pooled to this for the loss alone, each axis by itself, as
            the paper pools 14 to 7; 0 leaves the grid as it is. Where it does not divide the side, windows overlap.
        target: ``absolute`` as above; ``signed``: without the bars, in (−1, 1); ``classes``: the signed offset in
            patches as one of 2k + 1 classes for each axis, loss the sum of the axes' mean cross-entropies.
        normalised: whether offsets are divided by k. The released code does not: |Δ| in [0, k − 1], or where signed
            Δ + k − 1 in [0, 2k − 2], k times as large, so that one λ counts for several.
        schedule: s. ``constant``: 1. ``warm-decay``, of the released code: linear from 0 to 1 at ``warmup``, then
            linear to 0 at the end.
        warmup: share of all steps in which λ rises; used by ``warm-decay`` alone. 20 of 300 epochs in the code.
        control: ``shuffled`` is the negative control: the same pairs, but what is asked for is where the tokens would
            stand were the grid's positions permuted, by one permutation that is drawn once.

    Differs from the paper: a side shorter than 7 is kept; where the model normalises after the mean over its tokens
    (``pool="mean"``), they are normalised here first, without weights, as the paper's backbones do before. From the
    released code: one hidden layer, normalised absolute targets and a constant λ are the defaults; 2k + 1 classes where
    it has 2k − 1, and no further hidden layer for them; random numbers are the run's, not a global seed's.

    Raises :class:`~headstart.errors.HeadstartError` for options out of range, a model whose blocks do not all attend
    over the whole grid, a grid of one position, and tokens that are not those of the model it was attached to.
    """

    name, has_loss = "drloc", True
    share: Tensor  # s, in a buffer: a compiled loss reads it, and is not compiled again when it changes
    sides: Tensor
    positions: Tensor
    windows: Tensor | None

    def __init__(
        self,
        weight: float = 0.1,
        pairs: int = 64,
        hidden: int = 512,
        layers: int = 1,
        pool: int = 7,
        target: str = "absolute",
        normalised: bool = True,
        schedule: str = "constant",
        warmup: float = 0.1,
        control: str = "none",
    ) -> None:
        super().__init__()
        for option, value, choices in (
            ("target", target, ("absolute", "signed", "classes")),
            ("schedule", schedule, ("constant", "warm-decay")),
            ("control", control, ("none", "shuffled")),
        ):
            if value not in choices:
                raise unknown(f"{option} of drloc", value, choices)
        for option, number, least in (
            ("pairs", pairs, 1),
            ("hidden", hidden, 1),
            ("layers", layers, 1),
            ("pool", pool, 0),
        ):
            if number < least:
                raise HeadstartError(f"drloc: {option} must be at least {least}, got {number}.")
        if not 0 <= weight < math.inf:
            raise HeadstartError(f"drloc: weight must be a number from 0 on, got {weight}; the paper takes 0.1 to 0.5.")
        if not 0 <= warmup < 1:
            raise HeadstartError(f"drloc: warmup is a share of all steps, in [0, 1), got {warmup}.")
        if target == "classes" and not normalised:
            raise HeadstartError("drloc: classes are not scaled; leave normalised=False out, or take another target.")
        self.weight, self.pairs, self.hidden, self.layers, self.pool = weight, pairs, hidden, layers, pool
        self.target, self.normalised, self.schedule = target, normalised, schedule
        self.warmup, self.control = warmup, control
        self.draws = 4 * pairs
        self.register_buffer("share", torch.ones(()), persistent=False)

    def attach(self, model: nn.Module, view: AttentionView) -> nn.Module:
        if not view.uniform:
            raise HeadstartError(
                "drloc needs final tokens on the grid of the patches, and not all blocks of this "
                f"{type(model).__name__} attend over that whole grid (stages, windows); use it with a plain ViT."
            )
        height, width = (min(side, self.pool) if self.pool else side for side in view.grid)
        if height * width == 1:
            raise HeadstartError(
                f"drloc needs two positions to tell apart, and a grid of {view.grid} pooled to at most {self.pool} has "
                "one; use smaller patches or a larger pool."
            )
        self.grid, self.size, self.prefix, self.width = view.grid, (height, width), view.prefix, view.width
        # Some models normalise after the mean over tokens; the paper's do it before, so that tokens have one scale.
        bare = isinstance(view.final, nn.Identity)
        self.norm = nn.LayerNorm(view.width, eps=1e-6, elementwise_affine=False) if bare else nn.Identity()
        outputs = 2 * (height + width) + 2 if self.target == "classes" else 2
        parts: list[nn.Module] = []
        for inputs in [2 * view.width, *[self.hidden] * (self.layers - 1)]:
            parts += [nn.Linear(inputs, self.hidden), nn.ReLU()]
        self.mlp = nn.Sequential(*parts, nn.Linear(self.hidden, outputs)).to(view.device, view.dtype)
        # After the MLP, so that the control starts from the same one.
        order = torch.randperm(height * width) if self.control == "shuffled" else torch.arange(height * width)
        positions = torch.stack([order // width, order % width], dim=1)
        self.register_buffer("positions", positions.to(view.device))  # saved, for a shuffled one is drawn
        self.register_buffer("sides", torch.tensor([height, width], device=view.device), persistent=False)
        windows = None
        if (height, width) != view.grid:
            # The pooling as a matrix (k_y·k_x, h·w): what it gives of each position alone.
            single = torch.eye(math.prod(view.grid)).unflatten(1, view.grid)
            windows = F.adaptive_avg_pool2d(single, (height, width)).flatten(1).T.to(view.device, view.dtype)
        self.register_buffer("windows", windows, persistent=False)
        return model

    def drawn(self, draws: Tensor) -> tuple[Tensor, Tensor]:
        """The positions of both tokens of each pair, row-major, int64 (B, M) each, of uniform ``draws`` (B, 4·M).

        Columns 4·p to 4·p + 3 are pair p's y_a, x_a, y_b, x_b; u becomes ⌊u·k⌋.
        """
        y, x = (draws.unflatten(1, (self.pairs, 2, 2)) * self.sides).long().unbind(-1)
        first, second = (y * self.sides[1] + x).unbind(-1)
        return first, second

    def loss(self, step: Step) -> Tensor:
        expected = (self.prefix + math.prod(self.grid), self.width)
        if step.tokens.ndim != 3 or tuple(step.tokens.shape[1:]) != expected:
            raise HeadstartError(
                f"drloc was attached to a model with final tokens (B, {expected[0]}, {expected[1]}), got "
                f"{tuple(step.tokens.shape)}; it can't be used with a method that drops or reshapes tokens."
            )
        tokens = self.norm(step.tokens[:, self.prefix :])
        if self.windows is not None:
            tokens = self.windows @ tokens
        first, second = self.drawn(step.draws)
        image = torch.arange(len(tokens), device=tokens.device)[:, None]
        guess = self.mlp(torch.cat([tokens[image, first], tokens[image, second]], dim=-1))
        return self.weight * self.share * self._wrong(guess, self.positions[first] - self.positions[second])

    def _wrong(self, guess: Tensor, offset: Tensor) -> Tensor:
        """How far ``guess`` (B, M, outputs) is from ``offset`` (B, M, 2) in patches."""
        if self.target == "classes":
            classes = (offset + self.sides).flatten(0, 1).unbind(1)
            logits = guess.flatten(0, 1).split([2 * side + 1 for side in self.size], dim=1)
            return F.cross_entropy(logits[0], classes[0]) + F.cross_entropy(logits[1], classes[1])
        if self.target == "absolute":
            offset = offset.abs()
        elif not self.normalised:
            offset = offset + self.sides - 1
        return (guess - (offset / self.sides if self.normalised else offset)).abs().mean()

    def update(self, progress: float) -> None:
        if self.schedule == "warm-decay":
            falling = (1 - progress) / (1 - self.warmup)
            self.share.fill_(min(progress / self.warmup, falling) if self.warmup else falling)
