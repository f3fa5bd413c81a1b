"""What slimming gave: a table, and accuracy against measured speed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.reporting.fitted import Fitted
from headstart.reporting.percent import percent, points
from headstart.reporting.style import INK, PALETTE, chart, save_figure, styled

__all__ = ["draw_slim", "slim_markdown", "slim_table"]

HEADER = [
    "model", "tokens left", "test accuracy, %", "n", "difference to slim [95 % interval]", "M parameters",
    "GFLOP an image", "images/s", "× teacher", "× slim",
]  # fmt: skip


def slim_rows(results: dict[str, Any]) -> list[list[str]]:
    """The cells below :data:`HEADER`, the teacher first."""
    teacher = {**results["teacher"], "name": "teacher", "mean": results["teacher"]["test"], "sd": None, "n": 1}
    return [
        [
            row["name"],
            "/".join(map(str, row["tokens"])) if "tokens" in row else "all",
            percent(row["mean"], row["sd"]),
            str(row["n"]),
            points(row.get("difference"), row.get("interval")),
            f"{row['parameters'] / 1e6:.3f}",
            f"{row['flops'] / 1e9:.4f}",
            f"{row['images_per_second']:,.0f}",
            f"{row['times']:.2f}",
            f"{row['equal']:.2f}",
        ]
        for row in (teacher, *results["arms"])
    ]


def slim_table(results: dict[str, Any]) -> Fitted:
    """A table for the terminal, narrower: without n, and with the difference where there are several seeds."""
    several = any(arm["interval"] is not None for arm in results["arms"])
    columns = [index for index, title in enumerate(HEADER) if title != "n" and (several or index != 4)]
    short = {"tokens left": "tokens", "test accuracy, %": "test, %", "difference to slim [95 % interval]": "to slim"}
    short |= {"M parameters": "M param.", "GFLOP an image": "GFLOP"}
    rows = [[row[index] for index in columns] for row in slim_rows(results)]
    return Fitted([short.get(HEADER[index], HEADER[index]) for index in columns], rows)


def slim_markdown(results: dict[str, Any]) -> str:
    """The same in Markdown, and under it what it takes to get the numbers again."""
    lines = ["| " + " | ".join(HEADER) + " |", "|---|" + "---:|" * (len(HEADER) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in slim_rows(results)]
    timed = results.get("timed", results)["hardware"]  # earlier versions took both to be one
    machine = timed["gpu"] or f"{timed['cores']} CPU cores"
    commit = f", commit {results['commit'][:10]}" if results["commit"] else ""
    source = (
        f"Images a second are medians at batch size {results['batch_size']}, all models timed in one loop; accuracies "
        f"are means ± standard deviations over n seeds. `{results['command']}` on {machine}, {results['date']}, config "
        f"{results['config_hash']}{commit}."
    )
    return "\n".join([*lines, "", source])


@styled
def draw_slim(results: dict[str, Any], path: str | Path) -> Path:
    """Write a picture: test accuracy against speed, a point for each model, its seeds as a bar; returns ``path``.

    Speed is in that of the slim student, a median of ratios within rounds: on a busy machine medians of images a second
    put models apart that are equally fast. ``results`` is the content of a ``results.json`` of ``headstart slim``.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    figure = Figure(figsize=(7, 4.2), dpi=160, layout="constrained")
    axes = figure.subplots()
    teacher = results["teacher"]
    points = [("teacher", teacher["equal"], [teacher["test"]], INK)]
    for index, arm in enumerate(results["arms"]):
        tests = [run["test"] for run in arm["runs"]]
        points.append((arm["name"], arm["equal"], tests, PALETTE[1 + index % (len(PALETTE) - 1)]))
    axes.axhline(teacher["test"], color=INK, linewidth=0.8, linestyle=":")
    for name, speed, tests, color in points:
        mean = sum(tests) / len(tests)
        axes.plot([speed, speed], [min(tests), max(tests)], color=color, linewidth=2, alpha=0.5)
        axes.plot(speed, mean, "o", color=color, markersize=7, label=f"{name}  {100 * mean:.1f} %")
    # Models of equal speed stand above each other, so names beside the points would lie on one another.
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9)
    axes.set_xlim(0, 1.1 * max(speed for _, speed, _, _ in points))
    axes.set_xlabel(f"times as fast as the slim student, batch of {results['batch_size']}")
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=1))
    seeds = max(arm["n"] for arm in results["arms"])
    title = f"{results['config']['dataset']}: test accuracy, {'one seed' if seeds == 1 else f'{seeds} seeds'}"
    axes.set_title(title, loc="left")
    chart(axes, "both")
    return save_figure(figure, path)
