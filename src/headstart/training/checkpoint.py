"""Checkpoints without pickle: one safetensors file with a JSON part and a checksum of every byte in its header.

The tensors and the JSON part are one file, so a kill between two writes cannot leave halves of two moments.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from headstart.errors import HeadstartError
from headstart.training.files import write_atomically

__all__ = [
    "RefusedCheckpoint",
    "encode_checkpoint",
    "fill",
    "load_weights",
    "read_checkpoint",
    "read_meta",
    "save_weights",
]

FORMAT = 1
EMPTY = "0" * 64


class RefusedCheckpoint(HeadstartError):
    """A file that is damaged, or no checkpoint of this run; ``reason`` says which."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is refused: {reason}.")
        self.path, self.reason = path, reason


def save_weights(path: Path, model: nn.Module) -> None:
    """The state dict as safetensors, atomically."""
    from safetensors.torch import save

    write_atomically(path, save(_plain(model.state_dict())))


def load_weights(path: Path, model: nn.Module) -> None:
    """Weights of :func:`save_weights`, or those of the model in a checkpoint, into ``model``.

    Raises :class:`~headstart.errors.HeadstartError` when the file is damaged or belongs to another model.
    """
    tensors, meta = read_checkpoint(path, weights_alone=True)
    fill(model, tensors if meta is None else of_module(tensors, "model"), path)


def encode_checkpoint(tensors: dict[str, Tensor], meta: dict[str, Any], run: str) -> bytes:
    """The file's content: ``tensors``, ``meta`` (JSON values) and the hash of the run's config.

    The SHA-256 is that of the whole file with zeros in the checksum's own place.
    """
    from safetensors.torch import save

    text = json.dumps({**meta, "format": FORMAT, "run": run})
    raw = save(_plain(tensors), metadata={"headstart": text, "sha256": EMPTY})
    digest = hashlib.sha256(raw).hexdigest()
    return raw.replace(_slot(EMPTY), _slot(digest), 1)


def read_meta(path: Path) -> dict[str, Any]:
    """The JSON part alone, unchecked: cheap, and enough to tell which of two checkpoints is newer.

    Raises :class:`RefusedCheckpoint` when the header can't be read or is not of this library.
    """
    try:
        with open(path, "rb") as file:
            header = file.read(int.from_bytes(file.read(8), "little"))
    except (OSError, OverflowError, MemoryError) as error:
        raise RefusedCheckpoint(path, f"it cannot be read ({error})") from None
    meta = _meta(path, header)
    if meta is None:
        raise RefusedCheckpoint(path, "it is a safetensors file, but no checkpoint of a run")
    return meta


def read_checkpoint(
    path: Path, run: str | None = None, *, weights_alone: bool = False
) -> tuple[dict[str, Tensor], dict[str, Any] | None]:
    """Tensors and JSON part of a checkpoint whose every byte is as it was written.

    ``run`` is the hash of the config it has to belong to. Files of versions without a checksum are taken as they
    are. ``weights_alone`` allows files of :func:`save_weights`, which have no JSON part (None).

    Raises :class:`RefusedCheckpoint` for a damaged file and one of another run.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        raw = path.read_bytes()
    except OSError as error:
        raise RefusedCheckpoint(path, f"it cannot be read ({error})") from None
    header = raw[8 : 8 + int.from_bytes(raw[:8], "little")]
    meta = _meta(path, header)
    if meta is None and not weights_alone:
        raise RefusedCheckpoint(path, "it is a safetensors file, but no checkpoint of a run")
    stored = json.loads(header)["__metadata__"].get("sha256", "missing") if meta is not None else "missing"
    if meta is not None and ("format" in meta or stored != "missing"):
        found = hashlib.sha256(raw.replace(_slot(stored), _slot(EMPTY), 1)).hexdigest()
        if stored != found:
            reason = f"its content does not match its checksum ({stored[:12]} written, {found[:12]} found)"
            raise RefusedCheckpoint(path, reason)
        if run is not None and meta["run"] != run:
            raise RefusedCheckpoint(path, f"it belongs to another run (config hash {meta['run']}, this one is {run})")
    try:
        return load(raw), meta
    except SafetensorError as error:
        raise RefusedCheckpoint(path, f"it cannot be read ({error})") from None


def of_module(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """The state dict stored under ``name``."""
    start = f"{name}."
    return {key.removeprefix(start): tensor for key, tensor in tensors.items() if key.startswith(start)}


def fill(module: nn.Module, weights: dict[str, Tensor], path: Path) -> None:
    """Load ``weights``, which came from ``path``, into ``module``.

    Raises :class:`~headstart.errors.HeadstartError` naming what does not fit.
    """
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        raise HeadstartError(
            f"the weights of {path.name} do not fit the model ({str(error).splitlines()[1].strip()}); "
            "use the config they were trained with."
        ) from None


def _meta(path: Path, header: bytes) -> dict[str, Any] | None:
    try:
        text = json.loads(header).get("__metadata__", {}).get("headstart")
        meta = None if text is None else dict(json.loads(text))
    except (ValueError, AttributeError, TypeError):
        raise RefusedCheckpoint(path, "it cannot be read (its header is no JSON: damaged, or no checkpoint)") from None
    if meta is not None and meta.get("format", 0) > FORMAT:
        raise RefusedCheckpoint(
            path,
            f"a newer headstart wrote it (format {meta['format']}, this version reads up to {FORMAT}); update with "
            "pip install -U headstart",
        )
    return meta


def _slot(digest: str) -> bytes:
    # In the JSON part the same words would stand with escaped quotes, so this is found in one place only.
    return f'"sha256":"{digest}"'.encode()


def _plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
