"""A plain pre-norm vision transformer with timm's parameter names, so that weights load both ways.

Shapes: ``B`` batch, ``N`` tokens (prefix tokens first, then the grid in row-major order), ``D`` width, ``H`` heads.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headstart.errors import HeadstartError, unknown
from headstart.models.checks import check_drop_path, check_whole, hidden_units, sides
from headstart.models.vit_blocks import Block, PatchEmbed
from headstart.positions import harmonic_embedding, sincos_embedding

__all__ = ["SIZES", "VisionTransformer", "create_vit"]

# (width, depth, heads) of DeiT (2012.12877).
SIZES: dict[str, tuple[int, int, int]] = {"tiny": (192, 12, 3), "small": (384, 12, 6), "base": (768, 12, 12)}

Pool = Literal["mean", "class"]
Position = Literal["learned", "sincos", "harmonic"]


class VisionTransformer(nn.Module):
    """The ViT of 2010.11929 as timm builds it; see :func:`create_vit` for the arguments."""

    def __init__(
        self,
        image_size: tuple[int, int],
        patch_size: tuple[int, int],
        num_classes: int,
        width: int,
        depth: int,
        heads: int,
        mlp_ratio: float = 4.0,
        drop_path: float = 0.0,
        pool: Pool = "mean",
        registers: int = 0,
        position: Position = "learned",
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.pool = pool
        self.num_prefix_tokens = registers + (pool == "class")
        self.patch_embed = PatchEmbed(image_size, patch_size, in_channels, width)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width)) if pool == "class" else None
        self.reg_token = nn.Parameter(torch.zeros(1, registers, width)) if registers else None
        self.pos_embed = self._position(position, width, heads)
        rates = [drop_path * index / max(depth - 1, 1) for index in range(depth)]
        hidden = hidden_units("ViT", width, mlp_ratio)
        self.blocks = nn.ModuleList(Block(width, heads, hidden, rate) for rate in rates)
        # As in timm: the last norm comes before the class token is read, but after the mean over patches.
        self.norm = nn.LayerNorm(width, eps=1e-6) if pool == "class" else nn.Identity()
        self.fc_norm = nn.LayerNorm(width, eps=1e-6) if pool == "mean" else nn.Identity()
        self.head = nn.Linear(width, num_classes)
        self._init_weights()

    def _position(self, position: Position, width: int, heads: int) -> nn.Parameter:
        grid = self.patch_embed.grid_size
        if position == "learned":
            size = (1, self.num_prefix_tokens + grid[0] * grid[1], width)
            return nn.Parameter(nn.init.trunc_normal_(torch.empty(size), std=0.02))
        if position == "sincos":
            code = sincos_embedding(grid, width)
        else:
            code = harmonic_embedding(grid, heads, width // heads) * 0.36
        # Prefix tokens stand nowhere on the grid: their rows are zero.
        code = F.pad(code, (0, 0, self.num_prefix_tokens, 0))
        return nn.Parameter(code.float()[None], requires_grad=position == "harmonic")

    def _init_weights(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
        for token in (self.cls_token, self.reg_token):
            if token is not None:
                nn.init.normal_(token, std=1e-6)

    def forward_features(self, x: Tensor, draws: Tensor | None = None, features: list[Tensor] | None = None) -> Tensor:
        """Tokens after the last block and norm, (B, N, D); ``draws`` as in :meth:`forward`.

        ``features`` gets what each block gives, (B, N, D) each, appended.
        """
        x = self.patch_embed(x)
        prefix = [t.expand(len(x), -1, -1) for t in (self.cls_token, self.reg_token) if t is not None]
        x = torch.cat([*prefix, x], dim=1) + self.pos_embed
        for index, block in enumerate(self.blocks):
            x = block(x, None if draws is None else draws[:, index])
            if features is not None:
                features.append(x)
        return self.norm(x)

    def forward_head(self, tokens: Tensor) -> Tensor:
        """Logits, (B, classes), of the tokens of :meth:`forward_features`."""
        x = tokens[:, 0] if self.pool == "class" else tokens[:, self.num_prefix_tokens :].mean(dim=1)
        return self.head(self.fc_norm(x))

    def forward(self, x: Tensor, draws: Tensor | None = None) -> Tensor:
        """Logits, (B, classes).

        ``draws``: uniform (B, depth, 2), which branches are dropped in training when ``drop_path`` is above nought.
        A caller that hands them in decides all randomness of a step; without them the global random state does.
        """
        return self.forward_head(self.forward_features(x, draws))


def create_vit(
    size: str = "tiny",
    *,
    image_size: int | tuple[int, int] = 32,
    patch_size: int | tuple[int, int] = 4,
    num_classes: int = 10,
    heads: int | None = None,
    width: int | None = None,
    depth: int | None = None,
    mlp_ratio: float = 4.0,
    drop_path: float = 0.0,
    pool: Pool = "mean",
    registers: int = 0,
    position: Position = "learned",
    in_channels: int = 3,
) -> VisionTransformer:
    """A plain ViT by name, each part changeable.

    ``size`` is tiny (192, 12 blocks, 3 heads), small (384, 12, 6) or base (768, 12, 12); ``width``, ``depth`` and
    ``heads`` override it. ``image_size`` and ``patch_size`` are pixels, an int or (height, width). ``pool`` reads the
    mean of the patch tokens or a class token; ``registers`` adds that many further prefix tokens (2309.16588).
    ``position``: learned (normal, std 0.02), sincos (fixed), harmonic (learned, starting at a harmonic code of std
    0.36).

    Raises :class:`~headstart.errors.HeadstartError` for sizes that do not fit.

    >>> model = create_vit("tiny", image_size=32, patch_size=4, heads=6, depth=2)
    >>> model(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 10])
    """
    if size not in SIZES:
        raise unknown("ViT size", size, SIZES)
    for name, value, choices in (
        ("pool", pool, ("mean", "class")),
        ("position", position, ("learned", "sincos", "harmonic")),
    ):
        if value not in choices:
            raise unknown(name, value, choices)
    width, depth, heads = (
        default if given is None else given for given, default in zip((width, depth, heads), SIZES[size], strict=True)
    )
    check_whole("ViT", width=width, depth=depth, heads=heads, in_channels=in_channels)
    check_whole("ViT", least=0, num_classes=num_classes, registers=registers)
    check_drop_path("ViT", drop_path)
    if width % heads:
        near = [h for h in range(1, width + 1) if width % h == 0 and h <= 2 * heads]
        raise HeadstartError(f"width {width} is not divisible by {heads} heads; choose heads from {near}.")
    image, patch = sides("ViT", "image_size", image_size), sides("ViT", "patch_size", patch_size)
    if image[0] % patch[0] or image[1] % patch[1]:
        raise HeadstartError(
            f"image size {image} is not a whole number of patches of {patch}; choose a patch size "
            "that divides both sides."
        )
    return VisionTransformer(
        image,
        patch,
        num_classes,
        width,
        depth,
        heads,
        mlp_ratio,
        drop_path,
        pool,
        registers,
        position,
        in_channels,
    )
