"""All pictures that a run allows, and for those that it does not, why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.errors import HeadstartError, UnsupportedModel
from headstart.reporting.before_after import draw_before_after
from headstart.reporting.heads import draw_attention, draw_heads
from headstart.reporting.offsets import draw_offsets
from headstart.reporting.over_image import draw_attention_over
from headstart.reporting.positions import draw_positions

if TYPE_CHECKING:
    from torch import Tensor, nn

    from headstart.attention import AttentionView
    from headstart.initialization import HeadReport, InitReport

__all__ = ["Drawn", "Sight", "draw_all"]


@dataclass(frozen=True)
class Sight:
    """What there is to look at.

    Args:
        model: trained, in evaluation mode.
        inputs: images (B, C, height, width) as the model sees them, whose attention is drawn.
        pictures: the same as uint8.
        measured: images (n, C, height, width), as the model sees them, on which heads are measured.
        start: the same model before training; None where it could not be made again.
        without_start: why not.
        heads: each head before the first step.
        rows: what each head was over training: rows of ``locality.jsonl``.
        title: what this is, in a line.
    """

    model: nn.Module
    inputs: Tensor
    pictures: Tensor
    measured: Tensor
    start: nn.Module | None = None
    without_start: str = ""
    heads: Sequence[HeadReport] = ()
    rows: Sequence[dict[str, Any]] = ()
    title: str = ""


@dataclass(frozen=True)
class Drawn:
    """A picture: its name, what it shows, the files, and, where there are none, the reason."""

    name: str
    what: str
    paths: list[Path] = field(default_factory=list)
    reason: str = ""


def draw_all(
    sight: Sight, folder: str | Path, *, query: tuple[int, int] | None = None, formats: Sequence[str] = ("png",)
) -> tuple[InitReport, list[Drawn]]:
    """Measure the heads of a model and draw all that can be drawn of it into ``folder``.

    Args:
        sight: the model and its images.
        folder: where to write; made where it is not there.
        query: (row, column) of the looking patch; the middle one when None.
        formats: of ``png``, ``svg`` and ``pdf`` those to write each picture in.

    Returns:
        What each head looks at, and the pictures, in the order in which one would look at them.

    Raises:
        UnsupportedModel: for a model whose attention can't be seen or that has none: nothing could be drawn.
        HeadstartError: for a ``query`` outside the grid.
    """
    from headstart.attention import attention_view
    from headstart.initialization import measure

    view = attention_view(sight.model)
    h, w = view.grid
    if query is not None and not (0 <= query[0] < h and 0 <= query[1] < w):
        raise HeadstartError(f"query {query} lies outside the {h}×{w} grid of patches; count from 0.")
    report = measure(view, sight.measured)
    report.scheme = sight.title
    drawn = []
    for name, what, draw in _pictures(sight, view, report, query):
        paths: list[Path] = []
        try:
            paths = [draw(Path(folder) / f"{name}.{kind}") for kind in formats]
            drawn.append(Drawn(name, what, paths))
        except HeadstartError as error:
            drawn.append(Drawn(name, what, reason=str(error)))
    return report, drawn


def _pictures(
    sight: Sight, view: AttentionView, report: InitReport, query: tuple[int, int] | None
) -> Iterator[tuple[str, str, Callable[[Path], Path]]]:
    where = f"patch {query}" if query else "the middle patch"
    yield "heads-trained", "each head's mean attention by offset", partial(draw_heads, report)
    yield "before-after", "the same at the start and now", partial(_before_after, sight, report)
    yield "attention", f"where {where} of each image looks", partial(_attention, sight, view, query)
    yield "attention-over-image", "the same over the first image", partial(_over_image, sight, view, query)
    yield "offsets", "what heads keep of their starting offsets over training", partial(_offsets, sight)
    yield "positions", "how alike position embeddings are", partial(_positions, sight, view)


def _before_after(sight: Sight, report: InitReport, path: Path) -> Path:
    from headstart.initialization import measure

    if sight.start is None:
        raise HeadstartError(sight.without_start)
    return draw_before_after(measure(sight.start, sight.measured), report, path, title=sight.title)


def _attention(sight: Sight, view: AttentionView, query: tuple[int, int] | None, path: Path) -> Path:
    _whole(view)
    maps = view.maps(sight.inputs)
    return draw_attention(maps, view.grid, view.prefix, sight.pictures, path, query=query, title=sight.title)


def _over_image(sight: Sight, view: AttentionView, query: tuple[int, int] | None, path: Path) -> Path:
    _whole(view)
    maps = [block[0] for block in view.maps(sight.inputs[:1])]
    return draw_attention_over(maps, view.grid, view.prefix, sight.pictures[0], path, query=query, title=sight.title)


def _whole(view: AttentionView) -> None:
    if not view.uniform:
        raise UnsupportedModel(
            f"{type(view.model).__name__} attends in windows, or on a grid that changes from block to block: no map "
            "shows where one patch looks over the whole image."
        )


def _offsets(sight: Sight, path: Path) -> Path:
    return draw_offsets(sight.rows, path, start=sight.heads, title=sight.title)


def _positions(sight: Sight, view: AttentionView, path: Path) -> Path:
    from headstart.attention import attention_view

    if view.absolute is None:
        raise HeadstartError(f"{type(view.model).__name__} adds no position embedding to its tokens.")
    before = None if sight.start is None else _table(attention_view(sight.start))
    return draw_positions(_table(view), view.grid, path, before=before, title=sight.title)


def _table(view: AttentionView) -> Tensor:
    return view.position.table.detach()[0, -view.patches :]
