"""What a run did on corrupted images, kept in its folder with what its numbers hold for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from headstart.errors import HeadstartError
from headstart.evaluation.corruptions import CorruptionResult
from headstart.training.files import write_json
from headstart.training.inspection import Run
from headstart.training.run_folder import read_json

__all__ = ["check_same", "data_of", "keep", "kept_entry"]

KEPT = "corruptions.json"


def data_of(one: Run) -> dict[str, Any]:
    """What has to be the same of all runs, as JSON values."""
    data = one.dataset
    return {
        "name": data.name,
        "content": data.content,
        "mean": list(data.mean),
        "std": list(data.std),
        "shape": list(data.test.image_shape),
        "labels": hashlib.sha256(data.test.labels.cpu().numpy().tobytes()).hexdigest()[:16],
    }


def check_same(data: Mapping[Path, dict[str, Any]]) -> None:
    """Raise :class:`~headstart.errors.HeadstartError` where the :func:`data_of` two runs differ."""
    for (place, ours), (other, theirs) in pairwise(data.items()):
        if ours != theirs:
            raise HeadstartError(
                f"{place} and {other} were trained on different data ({ours['name']} and {theirs['name']}, or other "
                "splits or normalization of it): evaluate them in two commands."
            )


def _weights(place: Path) -> str:
    return hashlib.sha256((place / "model.safetensors").read_bytes()).hexdigest()[:16]


def kept_entry(place: Path, settings: dict[str, Any]) -> dict[str, Any] | None:
    """What is kept of these settings: ``settings``, ``data`` and ``result``; None without, or for other weights.

    ``data``, as :func:`data_of` gives it, is missing in what older versions wrote.
    """
    path = place / KEPT
    if not path.exists():
        return None
    stored = read_json(path)
    if stored.get("weights") != _weights(place):
        return None
    found = [entry for entry in stored["entries"] if entry["settings"] == settings]
    return found[-1] if found else None


def keep(place: Path, settings: dict[str, Any], data: dict[str, Any], result: CorruptionResult) -> None:
    """Write a result into the run's folder, beside those of other settings for the same weights."""
    path, weights = place / KEPT, _weights(place)
    stored = read_json(path) if path.exists() else {}
    entries = stored["entries"] if stored.get("weights") == weights else []
    entries = [entry for entry in entries if entry["settings"] != settings]
    entries.append({"settings": settings, "data": data, "result": result.to_dict()})
    write_json(path, {"weights": weights, "entries": entries})
