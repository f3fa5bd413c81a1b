"""Draw the README's pictures: ``heads.png``, what the heads of a ViT-Tiny look at before training, from three starts,
and ``gains.png``, what each start is ahead of the usual one, from the committed result files of ``study starts``.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

import headstart
from headstart.studies.questions import RELEASED
from headstart.studies.starts_gains import draw_gains

ROOT = Path(__file__).parents[1]
STARTS = ("default", "mimetic", "impulse")
SEED, BLOCKS, HEADS = 0, 3, 3
COLUMNS = ("hundredth", "twentieth", "tenth", "quarter", "half", "all", "heads", "fashion", "photos")


def draw_heads(path: Path) -> None:
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
    figure.savefig(path, dpi=130)


def measured() -> dict[str, Any]:
    """The columns' files as one result of the study, with the starts that all of them have."""
    files = [json.loads((ROOT / "results" / "starts" / f"{name}.json").read_text()) for name in COLUMNS]
    answers = []
    for found in files:
        arms = {arm["init"]: arm for arm in found["arms"]}
        answers.append({**found, "arms": [arms[start] for start in ("default", "mimetic", RELEASED, "impulse")]})
    (n,) = {found["n"] for found in files}
    return {"n": n, "answers": answers}


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    draw_heads(folder / "heads.png")
    draw_gains(measured(), folder / "gains.png")
