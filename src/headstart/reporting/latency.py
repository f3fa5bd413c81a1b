"""Accuracy against latency, one point a model; and the table of how fast each is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.reporting.fitted import Fitted
from headstart.reporting.style import MARKERS, PALETTE, chart, save_figure, styled

__all__ = ["draw_latency", "speed_table"]

LINE, LETTER = 0.055, 0.0125  # height of a line and width of a letter, of the axes'


@styled
def draw_latency(document: dict[str, Any], path: str | Path) -> Path:
    """Write a picture: test accuracy of each model over the time that a batch takes, the time on a logarithmic axis.

    ``document`` is what ``headstart evaluate --throughput`` writes: the median milliseconds of passes that all models
    made in turn, and the accuracy of their runs; a bar is the standard deviation over seeds. Runs without a test
    accuracy are left out. Returns ``path``.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

    found = document["side_by_side"]
    runs = [run for run in document["runs"] if run["accuracy"]["mean"] is not None]
    figure = Figure(figsize=(7, 4.2), dpi=160, layout="constrained")
    axes = figure.subplots()
    places = []
    for index, run in enumerate(runs):
        x, y, color = found["milliseconds"][run["name"]], run["accuracy"]["mean"], PALETTE[index % len(PALETTE)]
        marker = MARKERS[index % len(MARKERS)]
        axes.errorbar(x, y, yerr=run["accuracy"]["sd"], color=color, marker=marker, markersize=8, capsize=3)
        places.append((x, y, run["name"], color))
    axes.set_xscale("log")
    low, high = min(x for x, *_ in places), max(x for x, *_ in places)
    room = max(1.3, (3 / (high / low)) ** 0.5)  # a threefold span at least, so that the axis has several numbers
    axes.set_xlim(low / room, high * room)
    axes.margins(y=0.15)
    axes.set_ylim(max(0.0, axes.get_ylim()[0]), axes.get_ylim()[1])
    _names(axes, places)
    batch = found["batch_size"]
    images = "one image" if batch == 1 else f"a batch of {batch}"
    axes.set_xlabel(f"milliseconds for {images}, median, logarithmic\n{_machine(document)}")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7) if high / low < 10 else (1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0 if _span(places) > 0.03 else 1))
    datasets = ", ".join(sorted({run["dataset"] for run in runs}))
    axes.set_title(f"{datasets}: test accuracy and latency", loc="left")
    chart(axes, "both")
    return save_figure(figure, path)


def _names(axes: Any, places: list[tuple[float, float, str, str]]) -> None:
    """Each name beside its point, moved up or down where another name is."""
    taken: list[tuple[float, float, float]] = []
    for x, y, name, color in sorted(places, key=lambda place: place[1]):
        across, up = axes.transAxes.inverted().transform(axes.transData.transform((x, y)))
        left = across > 0.6  # there is no room on the right
        width = LETTER * len(name)
        start = across - 0.02 - width if left else across + 0.02

        def free(height: float, start: float = start, width: float = width) -> bool:
            return all(abs(height - h) >= LINE or start + width < s or s + w < start for s, w, h in taken)

        steps = (sign * step * LINE / 2 for step in range(40) for sign in (1, -1))
        height = next((up + step for step in steps if 0 <= up + step <= 1 and free(up + step)), up)
        taken.append((start, width, height))
        at, side = (across - 0.02, "right") if left else (across + 0.02, "left")
        axes.text(at, height, name, color=color, fontsize=9, ha=side, va="center", transform=axes.transAxes)


def _span(places: list[tuple[float, float, str, str]]) -> float:
    return max(y for _, y, *_ in places) - min(y for _, y, *_ in places)


def _machine(document: dict[str, Any]) -> str:
    hardware = document["hardware"]
    if document["device"].startswith("cuda"):
        return hardware["gpu"]
    return f"{hardware['cpu']}, {hardware['threads']} thread{'s' * (hardware['threads'] != 1)}"


def speed_table(runs: list[dict[str, Any]]) -> Fitted:
    """For the terminal, from the ``runs`` of an evaluation; the batch size with the most images a second is bold."""
    rows: list[list[str]] = []
    best: list[int] = []
    for run in runs:
        for row in run["throughput"]:
            way = " ".join([row["precision"]] + [row["way"]] * (row["way"] != "eager"))
            cells = [run["name"], way, str(row["batch_size"])]
            if row["images_per_second"] is None:
                cells += ["–"] * 5  # the reason is told below the table
            else:
                cells += [f"{row['images_per_second']:,.0f}", *[f"{ms:.2f}" for ms in row["milliseconds"].values()]]
                cells += ["–" if row["memory"] is None else f"{row['memory'] / 2**20:,.1f}"]
            best += [len(rows)] * bool(row["best"])
            rows.append(cells)
    header = ["run", "way", "batch", "images/s", "p50 ms", "p90 ms", "p99 ms", "MiB"]
    return Fitted(header, rows, bold=best, left=[1])
