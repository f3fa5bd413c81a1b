"""A convolutional stem: a few small convolutions make the tokens, where one large one did.

Shapes: ``B`` images, ``C`` channels, ``D`` width, ``p`` patch size.
"""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional as F

from headstart.attention import AttentionView
from headstart.errors import HeadstartError, unknown
from headstart.methods.method import Method
from headstart.methods.plain import embedding_of, projection_of
from headstart.methods.registry import register
from headstart.models.lgl import ChannelNorm

__all__ = ["ConvStem"]

NORMS = ("layer", "batch")


class BatchNorm(nn.BatchNorm2d):
    """BatchNorm that, before it has seen a training batch, normalises by the images at hand in evaluation too.

    Fresh running statistics are no images' own: heads solved on images behind them would lose their targets in the
    first training steps (target mass 0.50 → 0.03 to 0.19 in a ViT of width 96).
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training and not self.num_batches_tracked:
            return F.batch_norm(x, None, None, self.weight, self.bias, training=True, eps=self.eps)
        return super().forward(x)


class Stem(nn.Module):
    """n times a convolution of stride 2, norm and ReLU; then 1×1 to the width: (B, C, p·h, p·w) → (B, D, h, w)."""

    def __init__(self, in_channels: int, channels: list[int], norm: str, kernel: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        layers: list[nn.Module] = []
        for before, after in zip([in_channels, *channels], channels, strict=False):
            layers.append(nn.Conv2d(before, after, kernel, stride=2, padding=(kernel - 1) // 2, bias=False))
            layers.append(BatchNorm(after) if norm == "batch" else ChannelNorm(after, eps=1e-6))
            layers.append(nn.ReLU())
        self.body = nn.Sequential(*layers)
        self.last = nn.Conv2d(channels[-1], channels[-1], 1)
        nn.init.normal_(self.last.weight, std=(2 / channels[-1]) ** 0.5)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.body(x))


@register
class ConvStem(Method):
    """Convolutional stem in the place of the patch projection (Xiao et al., 2106.14881).

    n = log₂ p convolutions 3×3 of stride 2, each followed by a norm and ReLU, then one 1×1 without either. Channels
    double on the way and end at the width: D/2^(n−1), …, D/2, D, rounded down; that is [24, 48, 96, 192] for ViT-Ti/16
    and [48, 96, 192, 384] for ViT-S/16, the paper's lists. Convolutions start as PyTorch has them, the last one normal
    with std √(2/D), as in the released code (facebookresearch/pycls), so that tokens start with a variance near one.

    Differs from the paper: LayerNorm over channels in the place of BatchNorm (20.9 → 21.1 % top-1 error on ImageNet at
    4 GF and 100 passes, their appendix A), no transformer block is taken out (``--set depth=11`` does it), and for p
    below 16 there are fewer convolutions: the paper has p = 16 alone. At 18 GF it has six, two of them of stride 1.

    Args:
        norm: ``"layer"``, or the paper's ``"batch"``, whose running statistics cost: no many runs at once; results
            that depend on how a batch is cut into parts or over processes; and a moving average of the weights
            (``ema=``) that goes with the last weights' statistics, not its own.
        kernel: of the convolutions of stride 2, 3 in the paper. The negative control is 2: as deep, and as many norms,
            but no token sees beyond its own patch.

    Raises :class:`~headstart.errors.HeadstartError` for patches that are not square or no power of two, a kernel below
    2, and a model that is neither the library's own ViT nor timm's VisionTransformer.
    """

    name = "convstem"

    def __init__(self, norm: str = "layer", kernel: int = 3) -> None:
        super().__init__()
        if kernel < 2:
            raise HeadstartError(f"convstem: a kernel of {kernel} would skip pixels at a stride of 2; use 3, or 2.")
        if norm not in NORMS:
            raise unknown("norm of method 'convstem'", norm, NORMS)
        self.norm, self.kernel = norm, kernel

    def attach(self, model: nn.Module, view: AttentionView) -> nn.Module:
        """Replace ``patch_embed.proj``; its parameters become ``proj.body.*`` and ``proj.last.*``."""
        old = projection_of(view, self.name)
        height, patch = old.kernel_size
        count = int(math.log2(patch))
        if height != patch or patch < 2 or 2**count != patch:
            raise HeadstartError(
                f"convstem halves the image log₂(patch size) times, so it needs square patches of 2, 4, 8, 16, … "
                f"pixels, got {height}×{patch}; choose such a patch size, or leave convstem out."
            )
        channels = [max(1, old.out_channels >> step) for step in reversed(range(count))]
        stem = Stem(old.in_channels, channels, self.norm, self.kernel)
        embedding_of(view, self.name).proj = stem.to(old.weight.device, old.weight.dtype)
        return model
