"""Draw the pictures of docs/how-it-works.md by the library itself: ``python scripts/draw_docs.py [FOLDER]``.

``how-shift.png``: an impulse filter and an attention head do the same to an image. ``how-code.png``: from the position
code to a head's attention. ``how-gain.png``: what the start of the values does to spatial frequencies, in a shallow and
in a deep network.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

import headstart
from headstart.attention import mean_attention, shift_targets, target_mass
from headstart.data import load_dataset
from headstart.initialization.codes import harmonic
from headstart.initialization.spectrum import energy
from headstart.initialization.values import content_std
from headstart.reporting.style import INK, MARKERS, PALETTE, chart, save_figure, signed_map, styled

OFFSET = (-1, 1)  # up and to the right
IMAGES = 64


def seeded(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def bare(ax, picture: Tensor, title: str, **options):
    shown = ax.imshow(picture.numpy(), **options)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_title(title)
    return shown


@styled
def shift(path: Path) -> None:
    """A digit, the impulse filter, the digit filtered; the head's attention, the digit attended."""
    image = load_dataset("digits").train.images[:1].float() / 255
    kernel = torch.zeros(1, 1, 3, 3)
    kernel[0, 0, 1 + OFFSET[0], 1 + OFFSET[1]] = 1
    filtered = torch.nn.functional.conv2d(image, kernel, padding=1)

    model = headstart.create_vit("tiny", image_size=8, patch_size=1, in_channels=1, width=96, depth=1, heads=1)
    scheme = headstart.Impulse(sharpness=0.95, offsets=[OFFSET])
    headstart.init_(model, scheme, generator=seeded())
    view = headstart.attention_view(model)
    with torch.no_grad():
        attention = mean_attention(view.blocks[0], view.position_input(0)[None])[0][0].float()
    attended = (attention @ image.flatten()).view(8, 8)

    figure = Figure(figsize=(9.6, 2.3), layout="constrained")
    axes = figure.subplots(1, 5)
    bare(axes[0], image[0, 0], "image x")
    bare(axes[1], kernel[0, 0], f"impulse filter, tap at {OFFSET}")
    bare(axes[2], filtered[0, 0], "filter ∗ x")
    bare(axes[3], attention, "attention A, 64 × 64", vmin=0, vmax=1)
    bare(axes[4], attended, "A x")
    save_figure(figure, path)


@styled
def code(path: Path) -> None:
    """The code's similarity to one patch, the same with the queries turned, and the target mass by gain."""
    grid, head_dim, patch = (8, 8), 32, (4, 3)
    z = harmonic(grid, head_dim, reach=1)
    table = z.on(grid)
    row = patch[0] * grid[1] + patch[1]
    plain = (table @ table.T)[row].view(grid)
    logits = (table @ z.rotation(torch.tensor(OFFSET)) @ table.T)[None]
    targets = shift_targets(grid, torch.tensor([OFFSET]))
    gains = torch.logspace(-0.5, 2, 60, dtype=torch.float64)
    masses = torch.stack([target_mass((gain * logits).softmax(-1), targets)[0] for gain in gains])

    figure = Figure(figsize=(9.6, 3.0), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1, 1.25))
    for ax, picture, title in (
        (left, plain, r"$z_p \cdot z_q$: largest at the patch itself"),
        (middle, logits[0, row].view(grid), rf"$z_{{p+\delta}} \cdot z_q$, $\delta$ = {OFFSET}: largest there"),
    ):
        bar = bare(ax, picture, title, vmin=-1, vmax=1, cmap=signed_map())
        ax.plot(patch[1], patch[0], "x", color=INK, markersize=7)
    figure.colorbar(bar, ax=[left, middle], shrink=0.8, pad=0.02)
    right.semilogx(gains, masses, color=PALETTE[1], linewidth=2)
    chart(right, grid=None)
    for asked in (0.5, 0.8):
        at = gains[(masses >= asked).nonzero()[0, 0]].item()
        right.plot([gains[0], at, at], [asked, asked, 0], color=PALETTE[0], linewidth=1, linestyle=":")
        right.annotate(f"sharpness {asked}", (0.33, asked + 0.02), fontsize="small")
    right.set(xlabel="gain of the logits", ylim=(0, 1), xlim=(gains[0], gains[-1]))
    right.set_title("attention on the target")
    save_figure(figure, path)


def frequency_gain(value: str, depth: int) -> tuple[Tensor, Tensor]:
    """How large each spatial frequency of white noise leaves an untrained network, over what came in; by |ω| / π.

    Heads look where their positions tell them to, and MLPs, small at the start, are left out: what the report's gain
    is without images, mean over all frequencies of one size.
    """
    torch.manual_seed(0)
    model = headstart.create_vit("tiny", image_size=32, patch_size=4, width=96, depth=depth, heads=3)
    headstart.init_(model, headstart.Impulse(value=value), generator=seeded())
    view = headstart.attention_view(model)
    stream = content_std(view) * torch.randn(IMAGES, view.patches, view.width, generator=seeded(1))
    position = view.position_tokens().float()
    before = energy(stream, view)
    with torch.no_grad():
        for index, block in enumerate(view.blocks):
            attention = mean_attention(block, view.position_input(index)[None])[0].float()
            x = torch.nn.functional.layer_norm(position + stream, stream.shape[-1:])
            heads = attention @ block.project("v", x)
            stream = stream + (heads @ block.read("o").float()).sum(1)
    ratio = energy(stream, view) / before
    side = view.grid[0]
    step = torch.fft.fftfreq(side) * side
    size = (step[:, None] ** 2 + step[None] ** 2).sqrt().round().long().flatten()
    sums, counts = torch.zeros(side), torch.zeros(side)
    sums.index_add_(0, size, ratio.flatten())
    counts.index_add_(0, size, torch.ones(len(size)))
    upto = side // 2 + 1
    return torch.arange(upto) * 2 / side, (sums / counts)[:upto].sqrt()


@styled
def gain(path: Path) -> None:
    figure = Figure(figsize=(9.6, 3.2), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for ax, depth in zip(axes, (4, 12), strict=True):
        for value, colour, marker in zip(("contrast", "mimetic", "balanced"), PALETTE[1:], MARKERS, strict=False):
            x, y = frequency_gain(value, depth)
            ax.plot(x, y, color=colour, linewidth=2, marker=marker, markersize=4, label=value)
        ax.axhline(1, color=PALETTE[0], linewidth=0.8, linestyle=":")
        ax.set_xlabel("spatial frequency |ω| / π")
        ax.set_title(f"{depth} blocks")
        chart(ax)
    axes[0].set_ylim(0, None)
    axes[0].set_ylabel("gain through the untrained network")
    axes[0].legend()
    save_figure(figure, path)


def main(folder: Path) -> None:
    warnings.simplefilter("ignore")
    folder.mkdir(parents=True, exist_ok=True)
    for draw in (shift, code, gain):
        draw(folder / f"how-{draw.__name__}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images"))
