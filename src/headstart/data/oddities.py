"""What a person should know of a dataset before it is trained on, said while it is loaded."""

from __future__ import annotations

import shlex

import torch

from headstart.data.collection import Collection
from headstart.data.say import tell

__all__ = ["tell_oddities"]


def tell_oddities(found: Collection, spec: str) -> None:
    """Say on stderr what was passed over, which classes have no training image, and what leaks.

    Leakage is looked for only where the hashes of all images are known already: ``headstart data check`` makes them.
    """
    for note in found.notes:
        tell(note)
    counts = torch.bincount(found.parts["train"].split.labels, minlength=len(found.classes))
    empty = [name for name, count in zip(found.classes, counts.tolist(), strict=True) if not count]
    if empty:
        named = ", ".join(empty[:10]) + (f" and {len(empty) - 10} more" if len(empty) > 10 else "")
        tell(f"no training image of {named}: a model can't learn {'it' if len(empty) == 1 else 'them'}")
    known = {kind: part.digests for kind, part in found.parts.items() if part.digests is not None}
    train = {row.tobytes() for row in known.pop("train", ())}
    for kind, digests in known.items():
        count = sum(row.tobytes() in train for row in digests)
        if count:
            command = f"headstart data check {shlex.quote(spec)}"
            tell(f"LEAKAGE: {count:,} of {len(digests):,} {kind} images are in train too; {command}")
