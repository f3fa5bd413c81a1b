"""How an untrained network passes on each spatial frequency of its stream.

The gain of frequency ω is √(P_out(ω) / P_in(ω)); P is the energy of the patches' 2-D Fourier transform at ω, summed
over channels and images, before the first block and after the last.
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.attention import AttentionView

__all__ = ["energy", "gain", "predicted_gain"]


def energy(stream: Tensor, view: AttentionView) -> Tensor:
    """P at every frequency (h, w), of a stream (B, N, D)."""
    patches = stream[:, view.prefix :].float().unflatten(1, view.grid)
    return torch.fft.fft2(patches, dim=(1, 2)).abs().square().sum(dim=(0, 3))


def gain(before: Tensor, after: Tensor) -> tuple[float, float]:
    """Lowest and highest gain over all spatial frequencies, from the energies (h, w) of both streams."""
    ratio = (after / before).sqrt()
    return ratio.min().item(), ratio.max().item()


def predicted_gain(
    view: AttentionView, maps: list[Tensor], content: float, generator: torch.Generator
) -> tuple[float, float]:
    """The gain without images, for white noise of root mean square ``content`` on the position embedding.

    Each block adds Σ_h A_h LN(x) V_h O_h with the attention ``maps`` (H, N, N) that positions alone give; MLPs, small
    at the start, are left out.
    """
    stream = view.position_tokens().float()
    noise = torch.randn(view.patches, view.width, generator=generator, device=generator.device)
    stream[view.prefix :] += content * noise.to(stream)
    before = energy(stream[None], view)
    for block, attention in zip(view.blocks, maps, strict=True):
        x = torch.nn.functional.layer_norm(stream, stream.shape[-1:])
        heads = attention.to(x) @ block.project("v", x[None])[0]
        branch = (heads @ block.read("o").to(x)).sum(0)
        stream = stream + (branch if block.layer_scale is None else branch * block.layer_scale.to(x))
    return gain(before, energy(stream[None], view))
