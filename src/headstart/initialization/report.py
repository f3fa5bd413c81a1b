"""What the heads of a model look at, as numbers, a table and a picture."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from headstart.attention import (
    AttentionView,
    BlockView,
    mean_attention,
    offset_of,
    offset_profile,
    shift_targets,
    target_mass,
)
from headstart.initialization.scheme import Aim
from headstart.initialization.spectrum import energy, gain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["HeadReport", "InitReport", "look"]

_RADIUS = 4  # of the offset pictures, in patches


@dataclass
class HeadReport:
    """One head: its offset (dy, dx) in patches, the mean attention on its target patch over rows whose target lies in
    the grid, the mean entropy of a patch row in nats.

    The offset is the one asked for by an initialization (the scrambled control permutes its targets afterwards), else
    the one that takes most of the head's attention; its target is the patch there. ``aimed`` says whether one was asked
    for. ``profile`` is the mean attention at each offset up to four patches away, (2m+1, 2m+1), centre in the middle.
    """

    block: int
    head: int
    offset: tuple[int, int]
    target_mass: float
    entropy: float
    profile: Tensor = field(repr=False, compare=False)
    aimed: bool = False


@dataclass
class InitReport:
    """The result of :func:`headstart.init_` or :func:`headstart.measure`.

    ``asked`` is the sharpness asked for in each block, if one was; ``gain`` the lowest and highest gain of a spatial
    frequency through the untrained network; ``measured_on`` says what the heads were given. ``bias_error`` is, for
    models with a relative bias, the largest difference between the logits asked of it and those it gives.
    """

    scheme: str
    heads: list[HeadReport]
    measured_on: str
    seconds: float = 0.0
    asked: list[float] | None = None
    gain: tuple[float, float] | None = None
    bias_error: float | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def target_mass(self) -> float:
        """Mean over the heads that were given an offset, or over all where none was."""
        heads = [h for h in self.heads if h.aimed] or self.heads
        return sum(h.target_mass for h in heads) / len(heads)

    def _told(self, head: HeadReport) -> str:
        """A head's offset; of one that was given none while others were, that it looks at content."""
        if head.aimed or not any(h.aimed for h in self.heads):
            return f"({head.offset[0]:+d}, {head.offset[1]:+d})"
        return "content"

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        names = [f.name for f in dataclasses.fields(HeadReport) if f.name != "profile"]
        return {
            "scheme": self.scheme,
            "measured_on": self.measured_on,
            "target_mass": self.target_mass,
            "asked": self.asked,
            "gain": self.gain,
            "bias_error": self.bias_error,
            "seconds": self.seconds,
            "notes": self.notes,
            "heads": [{name: getattr(head, name) for name in names} for head in self.heads],
        }

    def __str__(self) -> str:
        lines = [
            f"{self.scheme}: {len(self.heads)} heads, mean target mass {self.target_mass:.3f} on {self.measured_on}"
        ]
        lines += ["block  head    offset  target mass  entropy (nats)"]
        for h in self.heads:
            offset = self._told(h)
            lines.append(f"{h.block:5d} {h.head:5d}  {offset:>8}  {h.target_mass:11.3f}  {h.entropy:14.2f}")
        if self.gain is not None:
            lines.append(f"gain of spatial frequencies through the network: {self.gain[0]:.2f} to {self.gain[1]:.2f}")
        if self.bias_error is not None:
            lines.append(f"relative bias met within {self.bias_error:.1g}")
        lines += [f"note: {note}" for note in self.notes]
        lines.append(f"took {self.seconds:.2f} s")
        return "\n".join(lines)

    def figure(self) -> Figure:
        """Draw every head's mean attention by offset: rows are blocks, columns heads, the centre is the patch
        itself.
        """
        from matplotlib.figure import Figure

        blocks, heads = (1 + max(getattr(h, axis) for h in self.heads) for axis in ("block", "head"))
        figure = Figure(figsize=(1.15 * heads + 0.9, 1.3 * blocks + 0.6), layout="constrained")
        axes = figure.subplots(blocks, heads, squeeze=False)
        top = max(h.profile.max().item() for h in self.heads)
        for ax in axes.flat:
            ax.set_axis_off()
        for h in self.heads:
            ax = axes[h.block, h.head]
            ax.set_axis_on()
            m = h.profile.shape[0] // 2
            image = ax.imshow(
                h.profile.numpy(), cmap="viridis", vmin=0, vmax=top, extent=(-m - 0.5, m + 0.5, m + 0.5, -m - 0.5)
            )
            ax.set_xticks([])
            ax.set_yticks([])
            ax.set_title(f"{self._told(h)}  {h.target_mass:.2f}", fontsize=7, pad=2)
        for block in range(blocks):
            axes[block, 0].set_ylabel(f"block {block}", fontsize=8)
        bar = figure.colorbar(image, ax=axes, shrink=min(1.0, 3 / blocks), pad=0.02)
        bar.set_label("mean attention", fontsize=8)
        figure.suptitle(
            f"{self.scheme}\nattention by offset (dy, dx) and target mass, on {self.measured_on}", fontsize=8
        )
        return figure


def look(
    view: AttentionView, images: Tensor | None, aim: Aim | None
) -> tuple[list[HeadReport], list[Tensor], tuple[float, float] | None]:
    """Report every head of ``view``, and each block's mean map, on ``images`` or else on LN(position embedding).

    One pass over the images; the third item is the gain of spatial frequencies on them, None without.
    """
    found: list[HeadReport] = []
    maps: list[Tensor] = []
    energies: list[Tensor] = []

    def visitor(index: int, block: BlockView, x: Tensor) -> None:
        mean, nats = mean_attention(block, x.float())
        maps.append(mean)
        offsets, targets, aimed = _aimed(mean, block, aim, index)
        mass = target_mass(mean, targets, block.prefix)
        profile = offset_profile(mean, block.grid, block.prefix)
        cy, cx = (side - 1 for side in block.grid)
        m = min(_RADIUS, cy, cx)
        near = profile[:, cy - m : cy + m + 1, cx - m : cx + m + 1].cpu()
        for h, offset in enumerate(offsets.tolist()):
            found.append(
                HeadReport(index, h, (offset[0], offset[1]), mass[h].item(), nats[h].item(), near[h], bool(aimed[h]))
            )

    if images is None:
        for index, block in enumerate(view.blocks):
            visitor(index, block, view.position_input(index)[None])
        return found, maps, None
    if not view.uniform:  # a stream that changes its grid on the way has no gain
        view.visit(images, visitor)
        return found, maps, None

    def note(stream: Tensor) -> None:
        energies.append(energy(stream, view))

    view.visit(images, visitor, first=note, last=note)
    return found, maps, gain(*energies)


def _aimed(mean: Tensor, block: BlockView, aim: Aim | None, index: int) -> tuple[Tensor, Tensor, Tensor]:
    """Offsets (H, 2), targets (H, T) and whether they were asked for (H,); where not, they are found in the map."""
    offsets = offset_of(mean, block.grid, block.prefix)
    targets = shift_targets(block.grid, offsets)
    if aim is None:
        return offsets, targets, torch.zeros(block.heads, dtype=torch.bool)
    aimed = torch.tensor([head not in aim.content[index] for head in range(block.heads)])
    # Targets too, and not those of the offsets: the scrambled control's are elsewhere.
    asked, found = (aim.offsets[index], aim.targets[index]), (offsets, targets)
    offsets, targets = (torch.where(aimed[:, None], *pair) for pair in zip(asked, found, strict=True))
    return offsets, targets, aimed
