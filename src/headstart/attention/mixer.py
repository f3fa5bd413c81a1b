"""The adapter for timm's MLP-Mixer (2105.01601): token mixing seen as attention that does not look at its input.

Token mixing gives patch p Σ_u W₂[p, u]·GELU(Σ_j W₁[u, j]·x_j + b_u), the same for every channel. Hidden units in groups
of T, one for each patch, stand for heads: how much group g carries from patch j to patch p is |Σ_u W₂[p, u]·W₁[u, j]|
over its units, as a share of row p.

Shapes: ``T`` patches, ``U`` hidden units, ``G`` groups.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from headstart.attention.block import BlockView
from headstart.attention.pieces import as_conv, as_linear, missing_in, separate
from headstart.attention.view import AttentionView

__all__ = ["MixingView", "view_mixer"]


@dataclass
class MixingView(BlockView):
    """Token mixing as a block: ``read_in`` holds W₁ (U, T), ``write_out`` W₂ (T, U); its groups are the heads."""

    read_in: nn.Linear = field(default_factory=lambda: nn.Linear(1, 1))
    write_out: nn.Linear = field(default_factory=lambda: nn.Linear(1, 1))

    @property
    def source(self) -> str:
        return "mixing"

    def slots(self) -> list[Tensor]:
        return [p.detach() for layer in (self.read_in, self.write_out) for p in layer.parameters()]

    def units(self, group: int) -> slice:
        """The hidden units of a group; the last may have fewer than T."""
        return slice(group * self.patches, min((group + 1) * self.patches, self.read_in.out_features))

    def maps(self, x: Tensor) -> Tensor:
        """How each group carries patches to patches, (B, G, T, T): rows sum to one; the same for every input."""
        read, write = (layer.weight.detach().to(x) for layer in (self.read_in, self.write_out))
        found = x.new_zeros(self.heads, self.patches, self.patches)
        for group in range(self.heads):
            units = self.units(group)
            found[group] = (write[:, units] @ read[units]).abs()
        return (found / found.sum(-1, keepdim=True).clamp(min=1e-12)).expand(len(x), -1, -1, -1)


def view_mixer(model: Any) -> AttentionView:
    """See a timm ``MlpMixer`` whose blocks mix tokens by a plain two-layer MLP."""
    missing = missing_in(model)
    grid = (int(model.stem.grid_size[0]), int(model.stem.grid_size[1]))
    patches = grid[0] * grid[1]
    blocks: list[BlockView] = []
    for index, block in enumerate(model.blocks):
        mlp = getattr(block, "mlp_tokens", None)
        read, write = (as_linear(getattr(mlp, name, None)) for name in ("fc1", "fc2"))
        if read is None or write is None or read.out_features != write.in_features:
            raise missing(
                f"blocks[{index}] is a {type(block).__name__}; looked for mlp_tokens with two linear layers, fc1 and "
                "fc2, and no gate between."
            )
        channels = block.mlp_channels
        blocks.append(
            MixingView(
                attention=block.norm1,
                norm=block.norm1,
                heads=-(-read.out_features // patches),
                head_dim=1,
                width=block.norm1.normalized_shape[0],
                grid=grid,
                prefix=0,
                scale=1.0,
                projection=separate(q=read, k=read, v=read, o=write),
                mlp_in=as_linear(getattr(channels, "fc1", None)),
                mlp_out=as_linear(getattr(channels, "fc2", None)),
                read_in=read,
                write_out=write,
            )
        )
    return AttentionView(
        model=model,
        blocks=blocks,
        grid=grid,
        prefix=0,
        absolute=None,
        width=blocks[0].width,
        entry=model.blocks[0],
        final=model.norm,
        patch_embed=as_conv(model.stem.proj),
    )
