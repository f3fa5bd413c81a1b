"""What each head of a run was at the moments that can be had: after each pass where it was watched, else a few."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from headstart.evaluation.locality import locality
from headstart.initialization import HeadReport
from headstart.training.moments import Moment
from headstart.training.watching import MEASURES, read_watched

__all__ = ["rows_over_training"]


def rows_over_training(
    folder: Path, moments: Sequence[Moment], images: Tensor, start: Sequence[HeadReport]
) -> list[dict[str, Any]]:
    """Rows as :mod:`headstart.training.watching` writes them: ``pass``, and for each measure blocks of heads.

    Args:
        folder: of the run.
        moments: measured where the run was not watched.
        images: (n, C, height, width), as the model sees them, to measure on.
        start: the run's heads before the first step; without, nothing can be told of where they went.
    """
    watched = read_watched(folder)
    if watched or not start:
        return watched
    rows = []
    for moment in moments:
        row: dict[str, Any] = {"pass": moment.passes, **{name: [] for name in MEASURES}}
        for head in locality(moment.model(), images, start).heads:
            for name in MEASURES:
                if head.head == 0:
                    row[name].append([])
                row[name][-1].append(getattr(head, name))
        rows.append(row)
    return rows
