"""One look for all pictures: colours that every eye tells apart, one size of letters, PNG and SVG alike."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from headstart.errors import HeadstartError

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

__all__ = ["FORMATS", "INK", "MAPS", "MARKERS", "PALETTE", "STYLES", "chart", "save_figure", "signed_map", "styled"]

# Okabe and Ito's palette: told apart by every kind of colour vision; the first, for the reference, is grey.
PALETTE = ["#666666", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
STYLES = ["-", "--", ":"]  # once the colours are used up
MARKERS = ["o", "s", "^", "D", "v", "P"]  # shapes too, for print in one colour
INK, FAINT = "#333333", "#dddddd"
MAPS = "viridis"  # for shares and other numbers from 0 on: its lightness grows evenly, in grey as well
SIGNED = ("#D55E00", "#ffffff", "#0072B2")  # for numbers around 0: orange below, blue above
FORMATS = ("png", "svg", "pdf")

SETTINGS: Any = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "figure.titlesize": 11,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "image.cmap": MAPS,
    "savefig.dpi": 160,
    "savefig.facecolor": "white",
    "svg.fonttype": "none",  # letters stay letters: smaller files, and their words can be searched
    "svg.hashsalt": "headstart",  # the same picture gives the same file
}

P = ParamSpec("P")
T = TypeVar("T")


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """A function that draws and saves, in this look; matplotlib's own settings are as before afterwards."""

    @functools.wraps(draw)
    def drawing(*args: P.args, **kwargs: P.kwargs) -> T:
        import matplotlib

        with matplotlib.rc_context(SETTINGS):
            return draw(*args, **kwargs)

    return drawing


def signed_map() -> Colormap:
    """The colours of numbers around 0, white in the middle."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("signed", list(SIGNED))


def chart(axes: Any, grid: str | None = "y") -> None:
    """Axes of a chart: no frame on top and on the right, faint lines behind the data along ``grid``, x, y or both."""
    if grid is not None:
        axes.grid(axis=grid, color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


@styled
def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure, such as ``InitReport.figure()``, as PNG, SVG or PDF, by the ending of ``path``; returns it.

    Raises :class:`~headstart.errors.HeadstartError` for another ending.
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise HeadstartError(f"pictures are written as .png, .svg or .pdf; got {path.name!r}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    # A date in the file would make two equal pictures differ.
    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    figure.savefig(path, dpi=160, facecolor="white", metadata=dates.get(kind))
    return path
