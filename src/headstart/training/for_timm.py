"""A trained plain ViT as a folder that timm's own loader reads.

``config.json`` and ``model.safetensors`` as timm lays them out on the Hugging Face hub, for
``timm.create_model("local-dir:FOLDER", pretrained=True)`` or ``"hf-hub:OWNER/NAME"``. The parameters have timm's names
already.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from headstart.data import normalize
from headstart.errors import HeadstartError
from headstart.models.vit_blocks import Block
from headstart.training.checkpoint import save_weights
from headstart.training.files import write_json
from headstart.training.plain_vit import plain_vit
from headstart.training.predicting import Predictor

__all__ = ["need_timm", "read_timm", "save_timm"]

# Any ViT of timm's registry: every size it would have is given beside it.
ARCHITECTURE = "vit_tiny_patch16_224"


def need_timm() -> None:
    """Raises :class:`~headstart.errors.HeadstartError`, naming the extra, where timm is missing."""
    if importlib.util.find_spec("timm") is None:
        raise HeadstartError('a folder for timm needs timm, to check it; pip install "headstart[timm]".')


def save_timm(folder: Path, predictor: Predictor) -> list[Path]:
    """Write the two files; returns them.

    Raises :class:`~headstart.errors.HeadstartError` where timm is missing or has no such model.
    """
    need_timm()
    model, recipe, facts = plain_vit(predictor, "timm"), predictor.recipe, predictor.facts
    block = model.blocks[0]
    assert isinstance(block, Block)
    channels, height, width = facts.image_shape
    pool = "avg" if model.pool == "mean" else "token"
    arguments: dict[str, Any] = {
        "img_size": [height, width],
        "patch_size": list(model.patch_embed.patch_size),
        "in_chans": channels,
        "num_classes": len(facts.classes),
        "embed_dim": model.head.in_features,
        "depth": len(model.blocks),
        "num_heads": block.attn.num_heads,
        "mlp_ratio": recipe.mlp_ratio,
        "global_pool": pool,
        "class_token": model.cls_token is not None,
        "reg_tokens": recipe.registers,
        "fc_norm": model.pool == "mean",
    }
    about = {
        "input_size": [channels, height, width],
        "fixed_input_size": True,
        "interpolation": "bicubic",
        "crop_pct": 1.0,
        "crop_mode": "center",
        "mean": list(facts.mean),
        "std": list(facts.std),
        "num_classes": len(facts.classes),
        "pool_size": None,
        "first_conv": "patch_embed.proj",
        "classifier": "head",
        "custom_load": False,
    }
    config = {
        "architecture": ARCHITECTURE,
        "num_classes": len(facts.classes),
        "num_features": model.head.in_features,
        "global_pool": pool,
        "label_names": list(facts.classes),
        "model_args": arguments,
        "pretrained_cfg": about,
    }
    write_json(folder / "config.json", config)
    save_weights(folder / "model.safetensors", model)
    return [folder / "config.json", folder / "model.safetensors"]


def read_timm(folder: Path) -> Any:
    """A function from uint8 images to logits, computed by the model that timm loads from the folder."""
    import timm

    model = timm.create_model(f"local-dir:{folder.as_posix()}", pretrained=True).eval()
    about = timm.data.resolve_model_data_config(model)

    @torch.inference_mode()
    def logits(images: Tensor) -> Tensor:
        return model(normalize(images, about["mean"], about["std"]))

    return logits
