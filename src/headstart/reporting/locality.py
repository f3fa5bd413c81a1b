"""Pictures and tables of the study ``locality``: what positional attention learned, and what it was worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.reporting.style import INK, MAPS, PALETTE, chart, save_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_learned", "draw_transfer", "learned_rows", "transfer_rows"]


def learned_rows(results: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each task and learner, at the end of training: mean ± standard deviation over seeds."""
    rows = []
    for part in results["learned"]:
        last = [run["rows"][-1] for run in part["runs"]]
        rows.append(
            {
                "task": part["task"],
                "attention": part["learner"],
                "test error, %": _spread([100 * row["error"] for row in last], 1),
                "best possible, %": _spread([100 * run["best_error"] for run in part["runs"]], 1),
                "association": _spread([row["association"] for row in last], 2),
                "by chance": f"{_chance(part):.2f}",
                "with itself": _spread([row["association_itself"] for row in last], 2),
                "attention in its set": _spread([row["mass"] for row in last], 2),
                "cosine of v and w": _spread([row["cosine"] for row in last], 2),
                "n": len(last),
            }
        )
    return rows


def transfer_rows(results: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each start, a column for each number of samples: test error on the second task, in percent."""
    starts = list(dict.fromkeys(part["start"] for part in results["transfer"]))
    rows: list[dict[str, Any]] = []
    for start in starts:
        row: dict[str, Any] = {"positions": start}
        for part in results["transfer"]:
            if part["start"] == start:
                row[f"{part['count']} samples"] = _spread([100 * run["error"] for run in part["runs"]], 1)
        rows.append({**row, "n": results["n"]})
    best = [run["best_error"] for run in results["transfer"][0]["runs"]]
    columns = [key for key in rows[0] if key.endswith("samples")]
    rows.append(
        {"positions": "best possible", **dict.fromkeys(columns, _spread([100 * b for b in best], 1)), "n": len(best)}
    )
    return rows


@styled
def draw_learned(results: dict[str, Any], path: str | Path) -> Path:
    """Write a picture: for each task its sets, what was learned of them (first seed), error, association."""
    from matplotlib.figure import Figure

    tasks = list(dict.fromkeys(part["task"] for part in results["learned"]))
    figure = Figure(figsize=(11, 0.6 + 2.7 * len(tasks)), dpi=160, layout="constrained")
    grid = figure.subplots(len(tasks), 4, squeeze=False, width_ratios=(1, 1, 1.5, 1.5))
    for row, task in enumerate(tasks):
        parts = {part["learner"]: part for part in results["learned"] if part["task"] == task}
        first = parts["trained"]["runs"][0]
        truth = [[float(a == b) for b in first["sets"]] for a in first["sets"]]
        bare = [[0.0 if i == j else a for j, a in enumerate(line)] for i, line in enumerate(first["attention"])]
        _draw_map(grid[row, 0], truth, f"{task}:\nwhat belongs together")
        _draw_map(grid[row, 1], bare, "learned attention\n(without the held diagonal)")
        for column, (key, title) in enumerate((("error", "test error"), ("association", "patch association")), 2):
            axes = grid[row, column]
            for index, name in enumerate(("left as it began", "trained")):
                _draw_runs(axes, [run["rows"] for run in parts[name]["runs"]], key, PALETTE[index], name)
            if key == "error":
                best = [run["best_error"] for run in parts["trained"]["runs"]]
                axes.axhline(sum(best) / len(best), color=INK, linestyle=":", linewidth=1, label="best possible")
                worst = max(run["rows"][-1]["error"] for run in parts["left as it began"]["runs"])
                axes.set_ylim(0, 1.6 * worst)
            else:
                axes.axhline(_chance(parts["trained"]), color=INK, linestyle=":", linewidth=1, label="chance")
                axes.set_ylim(-0.03, 1.05)
            axes.set_title(title, fontsize=9)
            axes.legend(fontsize=7, frameon=False)
            axes.tick_params(labelsize=7)
            chart(axes, None)
    for axes in grid[-1, 2:]:
        axes.set_xlabel("steps", fontsize=8)
    figure.suptitle(
        f"Attention by position finds the sets that hold the label (mean and range of {results['n']} seeds)",
    )
    return save_figure(figure, path)


@styled
def draw_transfer(results: dict[str, Any], path: str | Path) -> Path:
    """Write a picture: test error on the second task over the number of its samples, a line for each start."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    figure = Figure(figsize=(7.4, 4.2), dpi=160, layout="constrained")
    axes = figure.subplots()
    colors = dict(
        zip(("left as it began", "kept", "from scratch", "kept and trained on", "of other sets"), PALETTE, strict=False)
    )
    for start in dict.fromkeys(part["start"] for part in results["transfer"]):
        parts = [part for part in results["transfer"] if part["start"] == start]
        counts = [part["count"] for part in parts]
        errors = [[run["error"] for run in part["runs"]] for part in parts]
        style = "--" if start == "kept and trained on" else "-"
        means = [sum(e) / len(e) for e in errors]
        axes.plot(counts, means, style, color=colors[start], linewidth=2, marker="o", markersize=3.5, label=start)
        axes.fill_between(
            counts, [min(e) for e in errors], [max(e) for e in errors], color=colors[start], alpha=0.15, linewidth=0
        )
    best = [run["best_error"] for run in results["transfer"][0]["runs"]]
    axes.axhline(sum(best) / len(best), color=INK, linestyle=":", linewidth=1, label="best possible")
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.set_xlabel("samples of the second task")
    axes.set_ylabel("test error")
    axes.legend(title="positions", frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    chart(axes, None)
    axes.set_title(
        f"What positions learned before are worth on a second task of the same sets\n({results['config']['transfer']}; "
        f"mean and range of {results['n']} seeds)",
        loc="left",
    )
    return save_figure(figure, path)


def _draw_map(axes: Axes, values: list[list[float]], title: str) -> None:
    axes.imshow(values, cmap=MAPS, vmin=0)
    axes.set_title(title, fontsize=8)
    axes.set_xticks([])
    axes.set_yticks([])


def _draw_runs(axes: Axes, runs: list[list[dict[str, float]]], key: str, color: str, name: str) -> None:
    steps = [row["step"] for row in runs[0]]
    columns = list(zip(*[[row[key] for row in rows] for rows in runs], strict=True))
    axes.plot(steps, [sum(c) / len(c) for c in columns], color=color, linewidth=1.8, label=name)
    axes.fill_between(steps, [min(c) for c in columns], [max(c) for c in columns], color=color, alpha=0.15, linewidth=0)


def _chance(part: dict[str, Any]) -> float:
    """The association, a patch itself left out, of scores that know nothing: (C − 1) / (T − 1)."""
    sets = part["runs"][0]["sets"]
    return (sets.count(sets[0]) - 1) / (len(sets) - 1)


def _spread(values: list[float], digits: int) -> str:
    mean = sum(values) / len(values)
    if len(values) < 2:
        return f"{mean:.{digits}f}"
    sd = (sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5
    return f"{mean:.{digits}f} ± {sd:.{digits}f}"
