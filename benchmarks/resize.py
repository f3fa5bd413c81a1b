"""Does the pattern survive another image size? Heads measured before and after timm's ``set_input_size``.

    python benchmarks/resize.py --out results/resize.json      # then: python scripts/update_models.py

Models are started at 224 pixels with sharpness 0.5 on position alone, then resized; timm interpolates embeddings,
makes rotary angles anew, and resizes bias tables where the window changes. Measured in block 0 is the attention on the
same offset in patches, on the offset scaled with the grid (rounded), and the share of heads that attend most to either.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

import torch

import headstart
from headstart.attention import attention_view, mean_attention, offset_of, shift_targets, target_mass
from headstart.models.libraries import build_model
from headstart.training.provenance import commit, hardware, versions

MODELS = {
    "vit_small_patch16_224": (192, 256, 448),
    "vit_small_patch16_dinov3": (192, 256, 448),
    "eva02_tiny_patch14_224": (196, 280, 448),
    "swin_tiny_patch4_window7_224": (192, 256, 448),
}


def rows(name: str, sizes: tuple[int, ...]) -> list[dict]:
    found = []
    for size in (224, *sizes):
        torch.manual_seed(0)
        model = build_model(name, "timm", img_size=224)
        report = headstart.init_(model, "impulse", generator=torch.Generator().manual_seed(0))
        offsets = torch.tensor([h.offset for h in report.heads if h.block == 0])
        before = attention_view(model).blocks[0].grid
        if size != 224:
            model.set_input_size(img_size=size)
        view = attention_view(model)
        block = view.blocks[0]
        mean, _ = mean_attention(block, view.position_input(0)[None].float())
        scaled = (offsets * torch.tensor([a / b for a, b in zip(block.grid, before, strict=True)])).round().long()
        top = offset_of(mean, block.grid, block.prefix)
        kept = ((top == offsets).all(1) | (top == scaled).all(1)).float().mean().item()
        same, moved = (
            target_mass(mean, shift_targets(block.grid, o), block.prefix).mean().item() for o in (offsets, scaled)
        )
        found.append(
            {
                "model": name,
                "position": view.source,
                "pixels": size,
                "grid": f"{block.grid[0]}×{block.grid[1]}",
                "same offset": round(same, 3),
                "scaled offset": round(moved, 3),
                "heads that keep it": round(kept, 2),
            }
        )
        print(*found[-1].values(), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    found = [row for name, sizes in MODELS.items() for row in rows(name, sizes)]
    if args.out:
        about = {"command": "python benchmarks/resize.py", "hardware": hardware(), "versions": versions()}
        args.out.write_text(json.dumps({**about, "commit": commit(), "rows": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
