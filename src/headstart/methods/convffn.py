"""MLPs that see their neighbours: a depthwise convolution between their two linear layers.

Shapes: ``B`` images, ``N`` = ``P`` + h·w tokens (``P`` prefix tokens first), ``D`` width, ``k`` kernel.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from headstart.attention import AttentionView
from headstart.errors import HeadstartError, unknown
from headstart.methods.method import Method
from headstart.methods.plain import mlps_of
from headstart.methods.registry import register

__all__ = ["ConvFFN"]

STARTS = ("usual", "delta")
CONTROLS = ("none", "shuffled")


class ConvMlp(nn.Module):
    """An MLP's own layers, with a depthwise convolution before the activation: (B, N, D) → (B, N, D).

    With ``order`` (h·w,) patches are laid on the grid in this order instead of their own, and taken back.
    """

    order: Tensor | None
    back: Tensor | None

    def __init__(
        self, mlp: nn.Module, grid: tuple[int, int], prefix: int, kernel: int, start: str, order: Tensor | None
    ) -> None:
        super().__init__()
        fc1, fc2 = mlp.get_submodule("fc1"), mlp.get_submodule("fc2")
        assert isinstance(fc1, nn.Linear)
        self.grid, self.prefix = grid, prefix
        self.fc1, self.fc2 = fc1, fc2
        self.conv = nn.Conv2d(
            fc1.out_features,
            fc1.out_features,
            kernel,
            padding=kernel // 2,
            groups=fc1.out_features,
            device=fc1.weight.device,
            dtype=fc1.weight.dtype,
        )
        if start == "delta":
            nn.init.dirac_(self.conv.weight, groups=fc1.out_features)
            nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]
        self.register_buffer("order", order)
        self.register_buffer("back", None if order is None else order.argsort())
        # timm's MLP has more parts than the library's own, which is fc2(GELU(fc1 x)).
        self.act = getattr(mlp, "act", nn.GELU())
        self.drop1 = getattr(mlp, "drop1", nn.Identity())
        self.norm = getattr(mlp, "norm", nn.Identity())
        self.drop2 = getattr(mlp, "drop2", nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        height, width = self.grid
        if x.shape[1] != self.prefix + height * width:
            raise HeadstartError(
                f"convffn lays tokens on their grid of {height}×{width} behind {self.prefix} prefix tokens, got "
                f"{x.shape[1]}; leave out what takes tokens away, or convffn."
            )
        x = self.fc1(x)
        prefix, patches = x[:, : self.prefix], x[:, self.prefix :]
        if self.order is not None:
            patches = patches[:, self.order]
        patches = self.conv(patches.transpose(1, 2).unflatten(2, self.grid)).flatten(2).transpose(1, 2)
        if self.back is not None:
            patches = patches[:, self.back]
        x = torch.cat([prefix, patches], dim=1) if self.prefix else patches
        return self.drop2(self.fc2(self.norm(self.drop1(self.act(x)))))


@register
class ConvFFN(Method):
    """Convolutional feed-forward in every block: fc2(GELU(conv(fc1 x))), conv depthwise k×k with zeros at the border.

    On the grid conv(y)[c, i, j] = b_c + Σ_{u,v} w_c[u, v] · y[c, i + u − ⌊k/2⌋, j + v − ⌊k/2⌋]; class and register
    tokens go by without it. As in PVT v2 (2106.13797) and SegFormer (2105.15203), which have no class token;
    convolutional feed-forwards are among the parts that 2204.12143 found to help under corruption. **Own reading**:
    that paper's settings could not be found.

    Args:
        kernel: k in patches, odd.
        start: ``"usual"``, PyTorch's own random start of a convolution; or ``"delta"``: one in the middle and zeros
            around it, so that the model starts as without.
        control: ``"shuffled"``: the convolution sees the patches in one random order, the same in all blocks and all
            through training: as many weights and operations, nothing local.

    Raises :class:`~headstart.errors.HeadstartError` for an even kernel or one below 3, and for a model that is neither
    the library's own ViT nor timm's VisionTransformer, or has other MLPs.
    """

    name = "convffn"

    def __init__(self, kernel: int = 3, start: str = "usual", control: str = "none") -> None:
        super().__init__()
        if kernel < 3 or kernel % 2 == 0:
            raise HeadstartError(f"convffn: kernel must be an odd number of patches from 3 on, got {kernel}.")
        if start not in STARTS:
            raise unknown("start of method 'convffn'", start, STARTS)
        if control not in CONTROLS:
            raise unknown("control of method 'convffn'", control, CONTROLS)
        self.kernel, self.start, self.control = kernel, start, control

    def attach(self, model: nn.Module, view: AttentionView) -> nn.Module:
        """Replace every ``mlp``; its parameters keep their names, and ``mlp.conv.*`` are new."""
        order = torch.randperm(view.patches).to(view.device) if self.control == "shuffled" else None
        for block, mlp in mlps_of(view, self.name):
            block.mlp = ConvMlp(mlp, view.grid, view.prefix, self.kernel, self.start, order)
        return model
