"""A run folder belongs to one config: claimed by the first run, continued by its like, refused to others.

=====================  =====================================================================
config.json            the recipe, its hash, the scheme in full, the versions
init.json              what each head looked at before training
history.jsonl          one line per pass
locality.jsonl         likewise, of each head, when they are watched
checkpoint*.safetensors where the run goes on: see :mod:`headstart.training.kept`
best.safetensors       the checkpoint of the pass with the best validation accuracy
model.safetensors      the final weights
result.json            the final numbers; a folder that has it is finished
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

__all__ = ["check", "claim", "read_json"]


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


def check(folder: Path, config: dict[str, Any]) -> bool:
    """Whether ``folder`` already belongs to ``config`` (JSON values); False when it belongs to none yet.

    Raises :class:`~headstart.errors.HeadstartError` naming the keys that differ when it belongs to another.
    """
    if folder.exists() and not folder.is_dir():
        raise HeadstartError(f"--out {folder} is a file; choose a folder.")
    path = folder / "config.json"
    if not path.exists():
        return False
    stored = read_json(path).get("config", {})
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
        write_json(folder / "config.json", {"config": config, **more, "versions": versions()})
