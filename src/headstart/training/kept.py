"""Which checkpoints a run keeps, and which of them it goes on from.

==============================  =====================================================================
checkpoint.safetensors          after the last finished pass (or before the first)
checkpoint-previous.safetensors after the pass before that
checkpoint-inside.safetensors   inside the pass under way; gone when the pass is over
best.safetensors                after the pass with the best validation accuracy, the first of equals
==============================  =====================================================================
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from headstart.errors import HeadstartError
from headstart.training.checkpoint import RefusedCheckpoint, encode_checkpoint, read_checkpoint, read_meta
from headstart.training.files import write_atomically

__all__ = ["Kept", "newest_pass", "position"]

LAST, PREVIOUS, INSIDE, BEST = (
    f"{name}.safetensors" for name in ("checkpoint", "checkpoint-previous", "checkpoint-inside", "best")
)


class Kept:
    """The checkpoints in ``folder``; ``run`` is the hash of the config they have to belong to."""

    def __init__(self, folder: Path, run: str) -> None:
        self.folder, self.run = folder, run

    def save_pass(self, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
        """Keep the moment after a pass as the last one, and as the best one if it is."""
        content = encode_checkpoint(tensors, meta, self.run)
        # Runs that train together have no score in common, and so no best moment; nor has a pass without validation.
        scores = [row.get("val_accuracy", -1.0) for row in meta["history"]]
        if scores and scores[-1] > max(scores[:-1], default=-1.0):
            # The best first: after a kill in between, the pass is repeated, and this file is written again.
            write_atomically(self.folder / BEST, content)
        write_atomically(self.folder / LAST, content, keep=self.folder / PREVIOUS)
        (self.folder / INSIDE).unlink(missing_ok=True)

    def save_inside(self, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
        """Keep a moment inside a pass, in place of an earlier one."""
        write_atomically(self.folder / INSIDE, encode_checkpoint(tensors, meta, self.run))

    def newest(self, *, inside: bool = True) -> tuple[Path, dict[str, Tensor], dict[str, Any]] | None:
        """The newest checkpoint, whole and of this run; None when there is none. ``inside`` allows those in a pass.

        Raises :class:`~headstart.errors.HeadstartError` when the newest is damaged or foreign, offering the one
        before it: to go back is the user's decision, who may have a copy of the damaged file.
        """
        found = [path for path in _newest_first(self.folder) if inside or path.name != INSIDE]
        if not found:
            return None
        try:
            return self._read(found[0])
        except RefusedCheckpoint as refused:
            for older in found[1:]:
                try:
                    _, _, meta = self._read(older)
                except RefusedCheckpoint:
                    continue
                raise HeadstartError(
                    f"{refused} The one before it, {older.name} ({_words(meta)}), is whole: "
                    f"delete {refused.path.name}, and the same command goes on from there."
                ) from None
            raise HeadstartError(f"{refused} Delete it, and the same command starts the run over.") from None

    def last_good(self) -> str:
        """The newest checkpoint in words; what is saved has been found good before."""
        path = _newest_first(self.folder)[0]
        return f"{path} ({_words(read_meta(path))})"

    def _read(self, path: Path) -> tuple[Path, dict[str, Tensor], dict[str, Any]]:
        tensors, meta = read_checkpoint(path, self.run)
        assert meta is not None
        return path, tensors, meta


def newest_pass(folder: Path) -> Path | None:
    """The checkpoint after the last finished pass in ``folder``, if one is finished."""
    paths = (path for path in _newest_first(folder) if path.name != INSIDE)
    return next((path for path in paths if position(read_meta(path))[0]), None)


def position(meta: dict[str, Any]) -> tuple[int, int]:
    """Finished passes, and steps of the one under way."""
    return len(meta.get("history", [])), meta.get("done", 0)


def _newest_first(folder: Path) -> list[Path]:
    """Kept files, newest first; those whose header can't be read come before all, to be refused and not passed over."""

    def age(path: Path) -> tuple[bool, tuple[int, int]]:
        try:
            return False, position(read_meta(path))
        except RefusedCheckpoint:
            return True, (0, 0)

    paths = [folder / name for name in (LAST, INSIDE, PREVIOUS, BEST) if (folder / name).exists()]
    return sorted(paths, key=age, reverse=True)


def _words(meta: dict[str, Any]) -> str:
    passes, done = position(meta)
    return f"{passes} passes done" + (f" and {done} steps" if done else "")
