"""Start models of other libraries, and see with their own forward pass what their heads look at.

    python benchmarks/models.py --out results/models.json      # then: python scripts/update_models.py

Each model is built from its configuration, without pretrained weights, and started with sharpness 0.5 without images.
Attention is taken from PyTorch's own calls during the model's forward pass, twice: on a blank image, where position is
all there is (first block), and on two images of noise (all blocks). Rows are written as they come and not repeated.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
import warnings
from pathlib import Path

import torch
from torch import Tensor

import headstart
from headstart.attention import AttentionView, MixingView, attention_view, shift_targets, target_mass
from headstart.attention.capture import captured_maps
from headstart.errors import HeadstartError
from headstart.models.libraries import build_model
from headstart.training.provenance import commit, hardware, versions

ASKED = 0.5


def _names(text: str) -> list[str]:
    return text.split()


TIMM = _names("""
vit_tiny_patch16_224 vit_small_patch16_224 vit_small_patch32_224 vit_base_patch32_224 vit_base_patch16_224
vit_small_patch8_224 vit_little_patch16_reg1_gap_256 vit_small_patch14_dinov2 vit_small_patch14_reg4_dinov2
vit_base_patch16_clip_224 vit_base_patch16_siglip_224 vit_medium_patch16_gap_256 vit_wee_patch16_reg1_gap_256
vit_relpos_small_patch16_224 vit_srelpos_small_patch16_224 vit_pe_core_tiny_patch16_384
deit_tiny_patch16_224 deit_small_distilled_patch16_224 deit3_small_patch16_224 flexivit_small
eva02_tiny_patch14_224 eva02_small_patch14_224 eva02_base_patch14_224 eva_large_patch14_196
vit_small_patch16_dinov3 vit_small_patch16_dinov3_qkvb vit_small_plus_patch16_dinov3 vit_base_patch16_dinov3
vit_small_patch16_rope_224 vit_small_patch16_rope_ape_224 vit_small_patch16_rope_mixed_224
vit_small_patch16_rope_mixed_ape_224 vit_base_patch16_rope_224 vit_medium_patch16_rope_reg1_gap_256
vit_betwixt_patch16_rope_reg4_gap_256
beit_base_patch16_224 beitv2_base_patch16_224 beit_base_patch16_384
swin_tiny_patch4_window7_224 swin_small_patch4_window7_224 swin_s3_tiny_224 swin_base_patch4_window7_224
swinv2_tiny_window8_256 swinv2_tiny_window16_256 swinv2_small_window8_256 swinv2_cr_tiny_224
mixer_s32_224 mixer_s16_224 mixer_b16_224 gmixer_12_224 cait_xxs24_224 xcit_nano_12_p16_224 resnet18
""")
TRANSFORMERS = _names("""
vit deit vit_mae vit_msn ijepa dinov2 dinov2_with_registers dinov3_vit beit data2vec-vision swin swinv2
clip_vision_model siglip_vision_model yolos pvt_v2
""")
OPTIONS = {"beit": {"use_relative_position_bias": True}, "data2vec-vision": {"use_relative_position_bias": True}}
TORCHVISION = ["vit_b_16", "vit_b_32", "vit_l_16", "vit_l_32", "swin_t", "resnet18"]


def reached(view: AttentionView, report: headstart.InitReport, images: Tensor) -> list[Tensor]:
    """The target mass of each block's heads in the model's own attention."""
    masses = []
    if view.source == "mixing":  # weights alone, no attention to take
        maps = view.maps(images)
    else:
        maps = captured_maps(view.model, images)
    if len(maps) < len(view.blocks):
        raise HeadstartError(f"only {len(maps)} of {len(view.blocks)} attentions were caught")
    for index, (block, found) in enumerate(zip(view.blocks, maps, strict=False)):
        targets = shift_targets(block.grid, torch.tensor([h.offset for h in report.heads if h.block == index]))
        if isinstance(block, MixingView):
            targets[-1, block.units(block.heads - 1).stop - block.units(block.heads - 1).start :] = -1
        shown = block.visible().float().mean(0).clamp(min=1e-3)
        masses.append(target_mass(found.mean(0) / shown, targets, block.prefix))
    return masses


def row(library: str, name: str, **options: object) -> dict:
    """What one model, built with ``options``, did, or the reason why it could not be started."""
    torch.manual_seed(0)
    said = ", ".join(f"{key}={value}" for key, value in options.items())
    found: dict = {"library": library, "model": f"{name} ({said})" if said else name}
    try:
        model = build_model(name, library, **options)
        start = time.perf_counter()
        report = headstart.init_(model, headstart.Impulse(sharpness=ASKED), generator=torch.Generator().manual_seed(0))
        milliseconds = round(1000 * (time.perf_counter() - start))
        view = attention_view(model)
        sides = [g * s for g, s in zip(view.grid, view.patch_embed.stride, strict=True)]
        shape = (view.patch_embed.in_channels, *sides)
        blank = reached(view, report, torch.zeros(1, *shape))[0]
        noise = reached(view, report, torch.randn(2, *shape, generator=torch.Generator().manual_seed(1)))
        found |= {
            "position": view.source,
            "heads": len(report.heads),
            "grid": f"{view.blocks[0].grid[0]}×{view.blocks[0].grid[1]}",
            "asked": ASKED,
            "reached": round(blank.mean().item(), 3),
            "worst": round(blank[(blank - ASKED).abs().argmax()].item(), 3),
            "on noise": round(torch.cat(noise).mean().item(), 3),
            "ms": milliseconds,
        }
    except HeadstartError as error:
        found["reason"] = str(error)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="a JSON file to write and continue")
    parser.add_argument("--models", default="", help="only these, separated by commas")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    chosen = set(filter(None, args.models.split(",")))
    done = json.loads(args.out.read_text())["rows"] if args.out and args.out.exists() else []
    known = {(r["library"], r["model"].split(" (")[0]) for r in done}
    for library, names in (("timm", TIMM), ("transformers", TRANSFORMERS), ("torchvision", TORCHVISION)):
        for name in names:
            if (library, name) in known or (chosen and name not in chosen):
                continue
            options = [{}, OPTIONS[name]] if library == "transformers" and name in OPTIONS else [{}]
            for found in (row(library, name, **chosen_options) for chosen_options in options):
                done.append(found)
                print(*found.values(), flush=True)
            gc.collect()
            if args.out:
                about = {
                    "command": "python benchmarks/models.py",
                    "hardware": hardware(),
                    "versions": versions(),
                    "commit": commit(),
                }
                args.out.write_text(json.dumps({**about, "rows": done}, indent=1) + "\n")


if __name__ == "__main__":
    main()
