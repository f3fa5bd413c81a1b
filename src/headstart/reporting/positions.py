"""How alike the position embeddings of a model's patches are: which positions it takes for near."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from torch import Tensor

from headstart.errors import HeadstartError
from headstart.reporting.mosaic import mosaic
from headstart.reporting.style import save_figure, signed_map, styled

__all__ = ["draw_positions", "position_similarity"]

MOST = 14  # positions a side that get a map of their own


def position_similarity(table: Tensor, grid: tuple[int, int]) -> Tensor:
    """Cosine similarity of every position's embedding with that of every other.

    s[p, q] = ⟨e_p, e_q⟩ / (‖e_p‖ ‖e_q‖), as figure 7 of 2010.11929 shows it.

    Args:
        table: e, (h·w, D), the rows of the patches alone.
        grid: (h, w) in patches.

    Returns:
        s, (h, w, h, w), float64, from −1 to 1; 0 for an embedding that is zero.

    Raises:
        HeadstartError: for a table of another number of rows.

    >>> import torch
    >>> position_similarity(torch.tensor([[1.0, 0.0], [0.0, 2.0]]), (1, 2))[0, 0]
    tensor([[1., 0.]], dtype=torch.float64)
    """
    if table.ndim != 2 or len(table) != grid[0] * grid[1]:
        raise HeadstartError(
            f"expected position embeddings ({grid[0] * grid[1]}, D) of a grid of {grid[0]}×{grid[1]} patches, got "
            f"{tuple(table.shape)}; leave those of the prefix tokens out."
        )
    rows = table.detach().double().cpu()
    rows = rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-12)
    return (rows @ rows.T).view(*grid, *grid)


@styled
def draw_positions(
    table: Tensor, grid: tuple[int, int], path: str | Path, *, before: Tensor | None = None, title: str = ""
) -> Path:
    """Write a picture: a small map for each position, where it stands: its similarity with all positions.

    Args:
        table: position embeddings (h·w, D) of the patches.
        grid: (h, w) in patches; of more than 14 a side, evenly chosen positions have maps.
        path: where to write; its ending says as what.
        before: the same of the untrained model, drawn on the left.
        title: a line above all.

    Colours run from −1 to 1. Raises :class:`~headstart.errors.HeadstartError` as :func:`position_similarity` does.
    Returns ``path``.
    """
    from matplotlib.figure import Figure

    tables = {"at the start": before, "after training": table} if before is not None else {"": table}
    side = 4.4
    figure = Figure(figsize=(side * len(tables) + 0.9, side * grid[0] / grid[1] + 0.9), layout="constrained")
    panels = figure.subplots(1, len(tables), squeeze=False)[0]
    for axes, (name, rows) in zip(panels, tables.items(), strict=True):
        assert rows is not None
        image = _draw(axes, position_similarity(rows, grid), name)
    bar = figure.colorbar(image, ax=list(panels), shrink=0.7, pad=0.02)
    bar.set_label("cosine similarity")
    figure.suptitle(title)
    return save_figure(figure, path)


def _draw(axes: Any, similar: Tensor, name: str) -> Any:
    chosen = [_chosen(side) for side in similar.shape[:2]]
    laid = mosaic([[similar[y, x] for x in chosen[1]] for y in chosen[0]], gap=(1, 1))
    image = axes.imshow(laid.cells[1:].numpy(), cmap=signed_map(), vmin=-1, vmax=1, interpolation="nearest")
    axes.set_xticks(laid.columns, [str(x) for x in chosen[1]])
    axes.set_yticks([y - 1 for y in laid.rows], [str(y) for y in chosen[0]])
    axes.set_xlabel("column of the patch")
    axes.set_ylabel("row of the patch")
    axes.set_title(name)
    axes.tick_params(length=0, labelsize=7)
    axes.spines[:].set_visible(False)
    return image


def _chosen(side: int) -> list[int]:
    return list(range(0, side, math.ceil(side / MOST)))
