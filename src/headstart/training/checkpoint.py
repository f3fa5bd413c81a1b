"""Checkpoints without pickle: one safetensors file, replaced as a whole, whose header carries the JSON part.

Model, optimizer and history are one file, so a kill between two writes cannot leave halves of two passes.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from headstart.errors import HeadstartError

__all__ = [
    "load_checkpoint",
    "load_weights",
    "save_checkpoint",
    "save_weights",
    "write_json",
    "write_lines",
]


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside ``path``, flush, rename: readers see the old file or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.tmp")
    with open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    if os.name == "posix":  # the rename itself must reach the disk too
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_json(path: Path, content: object) -> None:
    """``content`` as indented JSON, atomically."""
    write_atomically(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    """Each row as one line of JSON, atomically."""
    write_atomically(path, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows).encode())


def save_weights(path: Path, model: nn.Module) -> None:
    """The state dict as safetensors, atomically."""
    from safetensors.torch import save

    write_atomically(path, save(_plain(model.state_dict())))


def load_weights(path: Path, model: nn.Module) -> None:
    """Weights written by :func:`save_weights` or :func:`save_checkpoint` into ``model``."""
    tensors, _ = _read(path)
    weights = {name.removeprefix("model."): t for name, t in tensors.items() if not name.startswith("optimizer.")}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise HeadstartError(
            f"the weights of {path.name} do not fit the model ({str(error).splitlines()[1].strip()}); "
            "use the config they were trained with."
        ) from None


def save_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, meta: dict[str, Any]) -> None:
    """Model, optimizer state per parameter name, and ``meta`` (JSON values), in one atomic file."""
    from safetensors.torch import save

    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{key}.{name}"] = value
    write_atomically(path, save(_plain(tensors), metadata={"headstart": json.dumps(meta)}))


def load_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Restore what :func:`save_checkpoint` wrote; returns its ``meta``.

    Raises :class:`~headstart.errors.HeadstartError` when the file is damaged or belongs to another model.
    """
    tensors, meta = _read(path)
    load_weights(path, model)
    parameters = dict(model.named_parameters())
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, key, parameter_name = name.split(".", 2)
            parameter = parameters[parameter_name]
            optimizer.state[parameter][key] = tensor.to(parameter.device)
    return meta


def _plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            meta = json.loads((file.metadata() or {}).get("headstart", "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, meta  # noqa: SIM118
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise HeadstartError(
            f"{path} cannot be read ({error}); delete it, and the same command starts the run over."
        ) from None
