"""Patches that overlap: each token also sees the pixels around its own patch.

Shapes: ``B`` images, ``C`` channels, ``D`` width, ``p`` patch size, ``k`` kernel.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.attention import AttentionView
from headstart.errors import HeadstartError, unknown
from headstart.methods.method import Method
from headstart.methods.plain import embedding_of, projection_of
from headstart.methods.registry import register

__all__ = ["Overlap"]


class Apart(nn.Conv2d):
    """The same convolution, with each token's surroundings taken from another patch: ``order`` (h·w,) says which.

    The control: the part of the kernel that lies on the patch sees it, the rest what lies around another one.
    """

    order: Tensor

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight
        patch, before = self.stride, (int(self.padding[0]), int(self.padding[1]))
        rows, columns = (slice(a, a + p) for a, p in zip(before, patch, strict=True))
        own = torch.zeros_like(weight)
        own[:, :, rows, columns] = 1
        tokens = F.conv2d(x, weight[:, :, rows, columns], self.bias, patch)
        around = F.conv2d(x, weight * (1 - own), None, patch, before)
        return tokens + around.flatten(2)[:, :, self.order].unflatten(2, tokens.shape[2:])


@register
class Overlap(Method):
    """Overlapping patch embedding: a convolution with kernel k > stride p in the place of the patch projection.

    x[i, j] = b + Σ_{u,v<k} W[:, :, u, v] · image[:, i·p − a + u, j·p − a + v], with a = min(⌊(k−1)/2⌋, k − p) and zeros
    beyond the border: as many tokens as before, and token (i, j) sees its whole patch and what lies a pixels above and
    to the left, k − p − a below and to the right. With the default k = 2p − 1, a = p − 1, this is the embedding of
    PVT v2 (2106.13797), and of SegFormer (2105.15203) for p = 4; overlapping embeddings are among the parts that
    2204.12143 found to help under corruption. **Own reading**: the kernels that paper compared could not be found, and
    the other two have four stages where a ViT has one.

    Args:
        kernel: k in pixels, or (height, width); 2p − 1 unless given.
        start: ``"usual"``, PyTorch's own random start of a convolution, as the patch projection has; or ``"patch"``:
            the projection's weights on the patch itself and zeros around it, so that the model starts as without.
        control: ``"shuffled"``: each token sees its own patch and the surroundings of another, by one random order of
            the patches: as many weights, nothing local.

    Raises :class:`~headstart.errors.HeadstartError` for a kernel that does not overlap or would change the grid, and
    for a model that is neither the library's own ViT nor timm's VisionTransformer.
    """

    name = "overlap"

    def __init__(
        self, kernel: int | tuple[int, int] | None = None, start: str = "usual", control: str = "none"
    ) -> None:
        super().__init__()
        if control not in ("none", "shuffled"):
            raise unknown("control of method 'overlap'", control, ("none", "shuffled"))
        if start not in ("usual", "patch"):
            raise unknown("start of method 'overlap'", start, ("usual", "patch"))
        sides = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        if kernel is not None and (len(sides) != 2 or not all(type(side) is int and side > 0 for side in sides)):
            raise HeadstartError(f"overlap: kernel must be a number of pixels, or height/width, got {kernel!r}.")
        self.kernel, self.start, self.control = sides, start, control

    def attach(self, model: nn.Module, view: AttentionView) -> nn.Module:
        """Replace ``patch_embed.proj``; the names of the parameters stay, the weight is larger."""
        old = projection_of(view, self.name)
        patch = (old.kernel_size[0], old.kernel_size[1])
        kernel = [2 * p - 1 if k is None else k for k, p in zip(self.kernel, patch, strict=True)]
        before = []
        for k, p in zip(kernel, patch, strict=True):
            if k <= p:
                raise HeadstartError(
                    f"overlap: a kernel of {k} does not reach beyond a patch of {p}; use kernel={max(2 * p - 1, 3)} or "
                    f"another above {p}."
                )
            before.append(min((k - 1) // 2, k - p))
            # From first to last, p·(h−1) + k pixels are read of the p·h + 2a there are; the rest must be below p.
            if not 0 <= p - k + 2 * before[-1] < p:
                raise HeadstartError(f"overlap: with a patch of {p} the kernel must be odd, got {k}; use {k + 1}.")
        new = (Apart if self.control == "shuffled" else nn.Conv2d)(
            old.in_channels,
            old.out_channels,
            (kernel[0], kernel[1]),
            stride=patch,
            padding=(before[0], before[1]),
            bias=old.bias is not None,
            device=old.weight.device,
            dtype=old.weight.dtype,
        )
        if self.start == "patch":
            rows, columns = (slice(a, a + p) for a, p in zip(before, patch, strict=True))
            with torch.no_grad():
                new.weight.zero_()[:, :, rows, columns] = old.weight
                if new.bias is not None and old.bias is not None:
                    new.bias.copy_(old.bias)
        if self.control == "shuffled":
            new.register_buffer("order", torch.randperm(view.patches).to(old.weight.device))
        embedding_of(view, self.name).proj = new
        return model
