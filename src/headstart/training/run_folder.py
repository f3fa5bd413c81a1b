"""A run folder belongs to one config: claimed by the first run, continued by its like, refused to others.

=====================  =====================================================================
config.json            the recipe, its hash, the scheme in full, the versions, the folder's format
init.json              what each head looked at before training
history.jsonl          one line per pass
locality.jsonl         likewise, of each head, when they are watched
weights-pass-N*        then too: the weights after a quarter and half of the passes
checkpoint*.safetensors where the run goes on: see :mod:`headstart.training.kept`
best.safetensors       the checkpoint of the pass with the best validation accuracy
model.safetensors      the final weights
result.json            the final numbers; a folder that has it is finished
machine.json           hardware, versions and commit, of a run by command or of a comparison
calibration.json       the temperature of its probabilities: see :mod:`headstart.training.calibrating`
corruptions.json       how it does on corrupted images: see :mod:`headstart.training.corruption_kept`
report.html            all of it on one page
.lock                  there while a process trains in the folder
=====================  =====================================================================
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from headstart.errors import HeadstartError
from headstart.training.files import write_json
from headstart.training.provenance import versions

__all__ = ["check", "claim", "read_config", "read_json"]

FORMAT = 1  # raised when an older version could not read what a newer one writes


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises :class:`~headstart.errors.HeadstartError` when it is missing or is no JSON.
    """
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise HeadstartError(
            f"there is no {path.name} in {path.parent}; expected a folder written by `headstart train`, or "
            "one arm's seed folder of `headstart compare`."
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise HeadstartError(f"{path} is damaged ({error}); delete {path.parent} and run again.") from None


def read_config(folder: Path) -> dict[str, Any]:
    """The ``config.json`` of a run folder: ``config``, the recipe's keys, and what was written beside it.

    Raises :class:`~headstart.errors.HeadstartError` when the folder is no run's, or a newer version's.
    """
    stored = read_json(folder / "config.json")
    if not isinstance(stored, dict) or not isinstance(stored.get("config"), dict) or "dataset" not in stored["config"]:
        raise HeadstartError(
            f"{folder / 'config.json'} is not of a run: expected a folder written by `headstart train`, or one arm's "
            "seed folder of `headstart compare`."
        )
    _readable(folder, stored)
    return stored


def _readable(folder: Path, stored: dict[str, Any]) -> None:
    if stored.get("format", 1) > FORMAT:
        raise HeadstartError(
            f"{folder} was written by headstart {stored.get('versions', {}).get('headstart')} (format "
            f"{stored['format']}), and this version reads up to format {FORMAT}; update with pip install -U headstart."
        )


def check(folder: Path, config: dict[str, Any]) -> bool:
    """Whether ``folder`` already belongs to ``config`` (JSON values); False when it belongs to none yet.

    Raises :class:`~headstart.errors.HeadstartError` naming the keys that differ when it belongs to another, and for one
    that a newer version wrote.
    """
    if folder.exists() and not folder.is_dir():
        raise HeadstartError(f"--out {folder} is a file; choose a folder.")
    path = folder / "config.json"
    if not path.exists():
        return False
    written = read_json(path)
    _readable(folder, written)
    stored = written.get("config", {})
    names = [key for key in {**stored, **config} if stored.get(key) != config.get(key)]
    if names:
        differences = ", ".join(f"{k} ({stored.get(k)} there, {config.get(k)} asked)" for k in names)
        raise HeadstartError(
            f"{folder} holds a run of another config: {differences}; choose another --out or delete it."
        )
    return True


def claim(folder: Path, config: dict[str, Any], **more: Any) -> None:
    """Make ``folder`` belong to ``config``, or :func:`check` that it already does.

    ``more`` is written beside the config and not compared: the place of the data, say.
    """
    if not check(folder, config):
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "config.json", {"config": config, **more, "versions": versions(), "format": FORMAT})
