"""A trained plain ViT as a folder that the loaders of Hugging Face transformers read.

``AutoModelForImageClassification.from_pretrained(FOLDER)`` and ``AutoImageProcessor.from_pretrained(FOLDER)``. A model
with a class token becomes a ``ViTForImageClassification``. That one reads nothing but a class token, so a model that
reads the mean of its patches becomes a ``BeitForImageClassification``, which does it as ours does (mean, then norm).
BEiT has two things that ours lacks, and both can be made to do nothing, exactly:

* a class token, which every patch would look at: its relative bias "token to class" is −10⁴, so that softmax gives it a
  weight of 0 in float32;
* keys without a bias: (q · b_k) / √R is one number for all keys of a query, and softmax does not see it, so b_k can go.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from headstart.errors import HeadstartError
from headstart.models.vit import VisionTransformer
from headstart.models.vit_blocks import Block
from headstart.training.plain_vit import plain_vit
from headstart.training.predicting import Predictor

__all__ = ["need_transformers", "read_transformers", "save_transformers"]

UNSEEN = -1e4  # exp of it is 0 in float32, and float16 can hold it


def need_transformers() -> None:
    """Raises :class:`~headstart.errors.HeadstartError`, naming the extra, where transformers is missing."""
    if importlib.util.find_spec("transformers") is None:
        raise HeadstartError('a folder for transformers needs transformers; pip install "headstart[transformers]".')


def save_transformers(folder: Path, predictor: Predictor) -> list[Path]:
    """Write ``config.json``, ``model.safetensors`` and ``preprocessor_config.json``; returns them.

    Raises :class:`~headstart.errors.HeadstartError` where transformers is missing or has no such model.
    """
    need_transformers()
    model, facts = plain_vit(predictor, "transformers"), predictor.facts
    channels, height, width = facts.image_shape
    if predictor.recipe.registers:
        raise HeadstartError(
            "transformers has no ViT for classification with registers and normal patches; export it with --timm, "
            "--onnx, --torch-export or --safetensors."
        )
    if height != width:
        raise HeadstartError(f"transformers' processors make square images, and the model takes {height}×{width}.")
    theirs: Any = _converted(model, _common(predictor, model))
    with contextlib.redirect_stderr(io.StringIO()):  # progress bars, for a file that is written in an instant
        theirs.save_pretrained(folder)
    from transformers import CLIPImageProcessor

    CLIPImageProcessor(
        do_resize=True,
        size={"shortest_edge": height},
        resample=Image.Resampling.BICUBIC.value,
        do_center_crop=True,
        crop_size={"height": height, "width": width},
        do_rescale=True,
        rescale_factor=1 / 255,
        do_normalize=True,
        image_mean=list(facts.mean),
        image_std=list(facts.std),
        do_convert_rgb=channels == 3,
    ).save_pretrained(folder)
    return [folder / name for name in ("config.json", "model.safetensors", "preprocessor_config.json")]


def _common(predictor: Predictor, model: VisionTransformer) -> dict[str, Any]:
    """What the configurations of ViT and BEiT have in common."""
    facts, block = predictor.facts, model.blocks[0]
    assert isinstance(block, Block)
    channels, height, width = facts.image_shape
    return {
        "image_size": height if height == width else [height, width],
        "patch_size": model.patch_embed.patch_size[0],
        "num_channels": channels,
        "hidden_size": model.head.in_features,
        "num_hidden_layers": len(model.blocks),
        "num_attention_heads": block.attn.num_heads,
        "intermediate_size": block.mlp.fc1.out_features,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-6,
        "id2label": dict(enumerate(facts.classes)),
        "label2id": {name: number for number, name in enumerate(facts.classes)},
    }


@torch.no_grad()
def _converted(model: VisionTransformer, common: dict[str, Any]) -> nn.Module:
    """Their model with our weights."""
    import transformers

    if model.pool == "class":
        theirs: Any = transformers.ViTForImageClassification(transformers.ViTConfig(**common, qkv_bias=True))
        body = theirs.vit
        body.embeddings.cls_token.copy_(model.cls_token)
        body.embeddings.position_embeddings.copy_(model.pos_embed)
        _copy(body.layernorm, model.norm)
    else:
        config = transformers.BeitConfig(
            **common,
            use_absolute_position_embeddings=True,
            use_relative_position_bias=True,
            use_mean_pooling=True,
            layer_scale_init_value=0.0,
            drop_path_rate=0.0,
        )
        theirs = transformers.BeitForImageClassification(config)
        body = theirs.beit
        body.embeddings.cls_token.zero_()
        body.embeddings.position_embeddings.zero_()
        body.embeddings.position_embeddings[:, 1:] = model.pos_embed
        _copy(body.pooler.layernorm, model.fc_norm)
        for layer in _layers(body):
            table = layer.relative_position_bias.relative_position_bias_table
            table.zero_()
            table[-2] = UNSEEN  # the last three: class to token, token to class, class to class
    _copy(body.embeddings.patch_embeddings.projection, model.patch_embed.proj)
    for layer, block in zip(_layers(body), model.blocks, strict=True):
        _copy_block(layer, block)
    _copy(theirs.classifier, model.head)
    return theirs.eval()


def _layers(body: Any) -> Any:
    return body.layers if hasattr(body, "layers") else body.encoder.layer


def _copy_block(layer: Any, block: nn.Module) -> None:
    assert isinstance(block, Block)
    attention = layer.attention
    projections = (attention.q_proj, attention.k_proj, attention.v_proj)
    weights, biases = block.attn.qkv.weight.chunk(3), block.attn.qkv.bias.chunk(3)
    for theirs, weight, bias in zip(projections, weights, biases, strict=True):
        theirs.weight.copy_(weight)
        if theirs.bias is not None:
            theirs.bias.copy_(bias)
    _copy(attention.o_proj, block.attn.proj)
    _copy(layer.layernorm_before, block.norm1)
    _copy(layer.layernorm_after, block.norm2)
    _copy(layer.mlp.fc1, block.mlp.fc1)
    _copy(layer.mlp.fc2, block.mlp.fc2)


def _copy(theirs: Any, ours: Any) -> None:
    theirs.weight.copy_(ours.weight)
    theirs.bias.copy_(ours.bias)


def read_transformers(folder: Path) -> Any:
    """A function from uint8 images to logits, computed by the model and processor that transformers loads."""
    from transformers import AutoImageProcessor, AutoModelForImageClassification

    with contextlib.redirect_stderr(io.StringIO()):
        model = AutoModelForImageClassification.from_pretrained(folder).eval()
    processor = AutoImageProcessor.from_pretrained(folder)

    @torch.inference_mode()
    def logits(images: Tensor) -> Tensor:
        arrays = [image[0].numpy() if len(image) == 1 else image.permute(1, 2, 0).numpy() for image in images]
        pictures = [Image.fromarray(array) for array in arrays]
        return model(**processor(images=pictures, return_tensors="pt")).logits

    return logits
