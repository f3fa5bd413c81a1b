"""A model as one graph that takes pixels and gives probabilities: as ONNX, and as a program of ``torch.export``.

Shapes: B images, of any number, C channels, S pixels a side, K classes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from headstart.evaluation.onnx_session import need_onnx, onnx_bytes, traced
from headstart.training.files import write_atomically
from headstart.training.predicting import Predictor

__all__ = ["Pixels", "labels_and_size", "read_onnx", "read_program", "save_onnx", "save_program"]

OUTPUTS = ("logits", "probabilities")


class Pixels(nn.Module):
    """uint8 images (B, C, S, S) to logits and calibrated probabilities, (B, K) each.

    logits = model((images / 255 − mean) / std), probabilities = softmax(logits / T).
    """

    def __init__(self, predictor: Predictor) -> None:
        super().__init__()
        facts = predictor.facts
        self.model, self.temperature = predictor.model, facts.temperature
        self.register_buffer("mean", torch.tensor(facts.mean)[:, None, None])
        self.register_buffer("std", torch.tensor(facts.std)[:, None, None])

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, std = self.get_buffer("mean"), self.get_buffer("std")
        logits = self.model((images.to(torch.float32) / 255 - mean) / std)
        return logits, (logits / self.temperature).softmax(dim=1)


def labels_and_size(predictor: Predictor) -> dict[str, str]:
    """What is written into both files beside the graph, as text: JSON where it is more than a word."""
    facts = predictor.facts
    said: dict[str, Any] = {
        "classes": facts.classes,
        "image_shape": facts.image_shape,
        "preprocessing": "RGB or grey as image_shape says, upright; shorter side resized (bicubic) and the middle cut "
        "out to image_shape; uint8, 0 to 255. Normalisation is in the graph.",
        "mean": facts.mean,
        "std": facts.std,
        "temperature": facts.temperature,
        "dataset": predictor.recipe.dataset_name,
        "config_hash": predictor.recipe.config_hash,
    }
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in said.items()}


def save_onnx(path: Path, predictor: Predictor) -> None:
    """Write an ONNX file: ``images`` uint8 (B, C, S, S) to ``logits`` and ``probabilities``; labels in its metadata.

    Raises :class:`~headstart.errors.HeadstartError` where a package is missing, and for a model that can't be exported.
    """
    need_onnx()
    import onnx

    content = onnx_bytes(Pixels(predictor), predictor.facts.image_shape, dtype=torch.uint8, outputs=OUTPUTS)
    proto = onnx.load_model_from_string(content)
    for key, value in labels_and_size(predictor).items():
        proto.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(proto)
    write_atomically(path, proto.SerializeToString())


def read_onnx(path: Path) -> Any:
    """A function from uint8 images to logits, computed by onnxruntime from the file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(path.as_posix(), options, providers=["CPUExecutionProvider"])

    def logits(images: Tensor) -> Tensor:
        return torch.from_numpy(session.run(["logits"], {"images": images.numpy()})[0])

    return logits


def save_program(path: Path, predictor: Predictor) -> None:
    """Write a program of ``torch.export``, called as the ONNX file is; labels in its extra file ``headstart.json``.

    Raises :class:`~headstart.errors.HeadstartError` for a model that can't be exported.
    """
    images = torch.zeros(3, *predictor.facts.image_shape, dtype=torch.uint8)
    program = traced(Pixels(predictor).eval(), images, "torch.export")
    said = json.dumps(labels_and_size(predictor))
    temporary = path.with_name(f".{path.name}.tmp.pt2")  # PyTorch asks for that ending
    try:
        torch.export.save(program, temporary, extra_files={"headstart.json": said})
        write_atomically(path, temporary.read_bytes())
    finally:
        temporary.unlink(missing_ok=True)


def read_program(path: Path) -> Any:
    """A function from uint8 images to logits, computed by the program in the file."""
    module = torch.export.load(path).module()

    @torch.inference_mode()
    def logits(images: Tensor) -> Tensor:
        return module(images)[0]

    return logits
