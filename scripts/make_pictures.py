"""Draw the README's picture: what the heads of a ViT-Tiny look at before training, from three starts."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import torch
from matplotlib.figure import Figure

import headstart

STARTS = ("default", "mimetic", "impulse")
SEED, BLOCKS, HEADS = 0, 3, 3


def main(path: Path) -> None:
    warnings.simplefilter("ignore")
    figure = Figure(figsize=(9.6, 3.9), layout="constrained")
    axes = figure.subplots(len(STARTS), BLOCKS * HEADS)
    for row, start in zip(axes, STARTS, strict=True):
        torch.manual_seed(SEED)
        model = headstart.create_vit("tiny", image_size=32, patch_size=4)
        report = headstart.init_(model, start, generator=torch.Generator().manual_seed(SEED))
        for ax, head in zip(row, report.heads[: BLOCKS * HEADS], strict=True):
            # Each head on its own scale: the shape is the point, the title says how strong.
            ax.imshow(head.profile.numpy(), cmap="viridis", vmin=0)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.set_title(f"{head.target_mass:.0%}", fontsize=9, pad=3)
            if row is axes[-1]:
                ax.set_xlabel(f"block {head.block}, head {head.head}", fontsize=7)
        row[0].set_ylabel(start, fontsize=12)
    figure.suptitle(
        "Mean attention by offset, the looking patch in the middle; above each head, the share its offset gets",
        fontsize=10,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images/heads.png"))
