"""Maps to queries, keys and values that convolve the token grid: LIFE's (2305.08551), and the plain one beside it.

Shapes: ``B`` images, ``N`` tokens (``P`` prefix tokens first, then the grid (h, w) in row-major order), ``C`` width,
``S`` scales, ``M`` = 3C/S channels of a scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from headstart.attention.local import LocalMap
from headstart.errors import HeadstartError

__all__ = ["LocalQKV", "PlainQKV", "passing_on"]

_CARRIED = 0.3  # see passing_on; below 0.2 training suffered where measured, above 0.3 heads lost sharpness


class _GridMap(LocalMap):
    """A map that convolves the tokens of a grid and hands on prefix tokens as they are."""

    def __init__(self, grid: tuple[int, int], prefix: int) -> None:
        super().__init__()
        self.grid, self.prefix = grid, prefix

    def check(self, x: Tensor) -> None:
        """Raise unless ``x`` holds the prefix tokens and every patch of the grid."""
        h, w = self.grid
        tokens = self.prefix + h * w
        if x.ndim != 3 or x.shape[1] != tokens:
            raise HeadstartError(
                f"life: expected tokens of shape (B, {tokens}, C), {self.prefix} prefix tokens and {h}×{w} patches as "
                f"when it was attached, got {tuple(x.shape)}; its convolutions need the whole grid: build the model "
                "for this image size, and drop no patches."
            )

    def convolve(self, conv: nn.Module, x: Tensor) -> Tensor:
        """``conv`` over the patches of ``x`` (B, N, channels)."""
        prefix, patches = x[:, : self.prefix], x[:, self.prefix :]
        patches = conv(patches.transpose(1, 2).unflatten(2, self.grid)).flatten(2).transpose(1, 2)
        return torch.cat([prefix.to(patches.dtype), patches], dim=1) if self.prefix else patches


class LocalQKV(_GridMap):
    """Local features for Q, K and V, in the place of one linear map: tokens (B, N, C) → (B, N, 3C).

    F₁ = x W₁ᵀ + b;  F_s = DW_s(F_{s−1}) P_sᵀ for s = 2…S;  F_s = [q_s | k_s | v_s], C/S channels each;
    the result is [q₁…q_S | k₁…k_S | v₁…v_S]. W₁ is (M, C), DW_s a depthwise k_s×k_s convolution with zeros around the
    grid, P_s (M, M) a pointwise one, neither with a bias, and there is no activation. Prefix tokens skip every DW_s.
    With S = 3, M = C: kernels 1, 3, 5 have 3C² + 35C parameters, where a linear map has 3C² + 3C.

    Without ``cascade`` every scale reads the tokens: F_s = DW_s(x) P_sᵀ. With ``norm`` one LayerNorm over C channels
    follows, the same one for Q, K and V, as in the released code.

    Weights are drawn from the global random state, as published: W₁ truncated normal (std 0.02), b nought, convolutions
    uniform in ±1/√fan-in, PyTorch's own.
    """

    def __init__(
        self,
        width: int,
        grid: tuple[int, int],
        prefix: int = 0,
        kernels: Sequence[int] = (1, 3, 5),
        *,
        bias: bool = True,
        norm: bool = False,
        cascade: bool = True,
    ) -> None:
        super().__init__(grid, prefix)
        self.scales, self.cascade = len(kernels), cascade
        size = 3 * (width // self.scales)
        self.linear = nn.Linear(width, size, bias=bias)
        nn.init.trunc_normal_(self.linear.weight, std=0.02)
        if bias:
            nn.init.zeros_(self.linear.bias)
        read = size if cascade else width
        self.depthwise = nn.ModuleList(
            nn.Conv2d(read, read, k, padding=k // 2, groups=read, bias=False) for k in kernels[1:]
        )
        # A 1×1 convolution as the linear map that it is, so that prefix tokens go through it with the others.
        self.pointwise = nn.ModuleList(nn.Linear(read, size, bias=False) for _ in kernels[1:])
        self.norm = nn.LayerNorm(width) if norm else None

    @property
    def _later(self) -> Any:
        """(DW_s, P_s) of every scale but the first."""
        return zip(self.depthwise, self.pointwise, strict=True)

    def forward(self, x: Tensor) -> Tensor:
        self.check(x)
        found = [self.linear(x)]
        for depthwise, pointwise in self._later:
            found.append(pointwise(self.convolve(depthwise, found[-1] if self.cascade else x)))
        # (B, N, 3, S, C/S): Q, K and V each of all scales.
        qkv = torch.stack([features.unflatten(-1, (3, -1)) for features in found], dim=3).flatten(3)
        return (qkv if self.norm is None else self.norm(qkv)).flatten(2)

    def token_map(self) -> tuple[Tensor, Tensor]:
        """Prefix tokens and convolutions' middle weights alone; the norm is left out."""
        weight = self.linear.weight.detach().double()
        bias = weight.new_zeros(len(weight)) if self.linear.bias is None else self.linear.bias.detach().double()
        found = [torch.cat([weight, bias[:, None]], 1)]
        for depthwise, pointwise in self._later:
            middle = depthwise.weight.shape[-1] // 2
            own = pointwise.weight.detach().double() * depthwise.weight.detach()[:, 0, middle, middle].double()
            found.append(own @ found[-1] if self.cascade else nn.functional.pad(own, (0, 1)))
        every = torch.stack([scale.unflatten(0, (3, -1)) for scale in found], 1).flatten(0, 2).to(self.linear.weight)
        return every[:, :-1], every[:, -1]

    @torch.no_grad()
    def set_token_map_(self, weight: Tensor) -> None:
        """Depthwise convolutions become the identity. In a cascade P_s is then what gives the rows wanted of scale s
        from F_{s−1}, and every scale but the last is changed by :func:`passing_on`; parallel scales are exact.
        """
        if self.norm is not None:
            raise HeadstartError(
                "life: its norm sets the size of queries and keys of all heads together, so that no scheme can; leave "
                "norm out, or keep the model's own weights (init default)."
            )
        wanted = weight.double().unflatten(0, (3, self.scales, -1)).transpose(0, 1).flatten(1, 2)  # (S, M, C)
        self.linear.weight.copy_(passing_on(wanted[0]) if self.cascade else wanted[0])
        before = self.linear.weight.double()
        for (depthwise, pointwise), scale in zip(self._later, wanted[1:], strict=True):
            nn.init.dirac_(depthwise.weight, groups=depthwise.groups)
            if not self.cascade:
                pointwise.weight.copy_(scale)
                continue
            passed = scale if pointwise is self.pointwise[-1] else passing_on(scale)
            pointwise.weight.copy_(passed @ torch.linalg.pinv(before))
            before = pointwise.weight.double() @ before

    @torch.no_grad()
    def set_token_bias_(self, bias: Tensor) -> None:
        """The first scale's is set; later scales have none, theirs follow from it."""
        if self.linear.bias is not None:
            self.linear.bias.copy_(bias.unflatten(0, (3, self.scales, -1))[:, 0].flatten())


def passing_on(scale: Tensor, faint: float = _CARRIED) -> Tensor:
    """``scale`` (M, C), the rows wanted of a scale, changed the least so that later scales can be had from it.

    What F_s leaves out no later scale of a cascade can read, and heads whose queries and keys read a position in the
    same directions leave a third of the stream out. With every row brought to length one, singular values below
    ``faint`` are raised to it, so that the directions left out are carried along faintly. A factor on a row stays one.
    """
    size = scale.norm(dim=1, keepdim=True)
    mean = size.unflatten(0, (3, -1)).mean(1, keepdim=True).expand(-1, len(size) // 3, -1).flatten(0, 1)
    size = torch.where(size > 1e-3 * mean, size, mean.clamp(min=1e-6))  # rows of nought: channels a head has no use for
    u, s, vh = torch.linalg.svd(scale / size, full_matrices=False)
    low = s < faint
    # Which rows carry a direction left out wholly is open; a fixed matrix decides, since rounding would otherwise.
    fixed = torch.randn(scale.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(scale)
    inner = torch.diag(s[low]) + 1e-6 * u[:, low].T @ fixed @ vh[low].T
    turn, _, back = torch.linalg.svd(inner)
    raised = (u[:, ~low] * s[~low]) @ vh[~low] + faint * u[:, low] @ turn @ back @ vh[low]
    return size * raised


class PlainQKV(_GridMap):
    """The control: the ordinary linear map, then one depthwise 3×3 convolution with bias of its 3C channels.

    30C parameters more than the linear map alone. (CvT, 2103.15808, convolves in front of the linear map instead.)
    """

    def __init__(self, linear: nn.Linear, grid: tuple[int, int], prefix: int = 0) -> None:
        super().__init__(grid, prefix)
        size = linear.out_features
        self.linear = linear
        self.depthwise = nn.Conv2d(size, size, 3, padding=1, groups=size)

    def forward(self, x: Tensor) -> Tensor:
        self.check(x)
        return self.convolve(self.depthwise, self.linear(x))

    def token_map(self) -> tuple[Tensor, Tensor]:
        """By the convolution's middle weight; its bias, which prefix tokens do not get, is left out."""
        middle = self.depthwise.weight.detach()[:, 0, 1, 1]
        bias = torch.zeros_like(middle) if self.linear.bias is None else self.linear.bias.detach()
        return self.linear.weight.detach() * middle[:, None], bias * middle

    @torch.no_grad()
    def set_token_map_(self, weight: Tensor) -> None:
        nn.init.dirac_(self.depthwise.weight, groups=self.depthwise.groups)
        nn.init.zeros_(self.depthwise.bias)  # type: ignore[arg-type]
        self.linear.weight.copy_(weight)

    @torch.no_grad()
    def set_token_bias_(self, bias: Tensor) -> None:
        if self.linear.bias is not None:
            self.linear.bias.copy_(bias)
