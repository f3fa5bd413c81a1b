"""One table from a results file, for the terminal and for Markdown: the same cells in both."""

from __future__ import annotations

from typing import Any

from headstart.reporting.fitted import Fitted
from headstart.reporting.percent import percent, points

__all__ = ["cost_lines", "gains", "markdown_table", "measured", "rich_table"]


def table_rows(results: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and cells in percent: mean ± sample standard deviation, differences paired by seed."""
    arms = results["arms"]
    header = ["init", "test accuracy, %", "n", f"difference to {arms[0]['name']} [95 % interval]"]
    rows = [
        [arm["name"], percent(arm["mean"], arm["sd"]), str(arm["n"]), points(arm["difference"], arm["interval"])]
        for arm in arms
    ]
    if "matrix" in results:
        header += ["gain over its init alone", "beyond the sum of single gains"]
        for row, arm in zip(rows, arms, strict=True):
            row += [
                points(arm["gain"], arm["gain_interval"]),
                points(arm["interaction"], arm["interaction_interval"]),
            ]
    elif len({arm["runs"][0].get("parameters") for arm in arms}) == 1:
        return header, rows
    header += ["M parameters", "GFLOP an image", "images/s"]
    for row, arm in zip(rows, arms, strict=True):
        first = arm["runs"][0]
        speed = sum(run["images_per_second"] for run in arm["runs"]) / len(arm["runs"])
        row += [
            f"{first['parameters'] / 1e6:.3f}",
            f"{first['flops'] / 1e9:.4f}",
            f"{speed:,.0f}",
        ]
    return header, rows


def markdown_table(results: dict[str, Any]) -> str:
    """A Markdown table, and under it what it takes to get the same numbers again.

    ``results`` are those of a comparison, or of a benchmark: ``rows``, each a dictionary of cells; rows with a
    ``reason`` instead of numbers are listed below the table.
    """
    if "rows" in results:
        return _rows_table(results)
    header, rows = table_rows(results)
    lines = ["| " + " | ".join(header) + " |", "|---|" + "---:|" * (len(header) - 1)]
    lines += ["| " + " | ".join([f"`{row[0]}`", *row[1:]]) + " |" for row in rows]
    lines += ["", _source(results)]
    costs = cost_lines(results)
    if any("in training" in line for line in costs):
        lines += ["", *(f"* {line}" for line in costs)]
    return "\n".join(lines)


def cost_lines(results: dict[str, Any]) -> list[str]:
    """What each method adds to a model, and what works beside it in training alone; each line once."""
    return list(dict.fromkeys(line for arm in results["arms"] for line in arm["runs"][0].get("costs", [])))


def _rows_table(results: dict[str, Any]) -> str:
    measured = [row for row in results["rows"] if "reason" not in row]
    header = [key for key, value in measured[0].items() if not isinstance(value, list)]  # single measurements
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(str(row[key]) for key in header) + " |" for row in measured]
    for row in results["rows"]:
        if "reason" in row:
            name = " ".join(str(value) for key, value in row.items() if key != "reason")
            lines += [""] * (lines[-1].startswith("|")) + [f"* {name}: {row['reason']}"]
    return "\n".join([*lines, "", f"`{results['command']}` on {_machine(results)}{_commit(results)}."])


def rich_table(results: dict[str, Any]) -> Fitted:
    """A table for the terminal; the best mean is bold."""
    header, rows = table_rows(results)
    best = max(arm["mean"] for arm in results["arms"])
    return Fitted(header, rows, bold=[row for row, arm in enumerate(results["arms"]) if arm["mean"] == best])


def measured(results: dict[str, Any]) -> str:
    """A comparison in a sentence: the first arm and the best, what a run takes, and on what."""
    first, best = results["arms"][0], max(results["arms"], key=lambda arm: arm["mean"])
    told = ", ".join(
        f"{percent(arm['mean'], arm['sd'])} % from {arm['name']}"
        for arm in ([first] if first is best else [first, best])
    )
    return f"{told} (test accuracy, n = {best['n']}), {_seconds(results)} on {_machine(results)}, {results['date']}."


def gains(results: dict[str, Any], method: str) -> str:
    """What a method gained over each initialization alone, in a sentence, from the results of a matrix."""
    arms = {arm["name"]: arm for arm in results["arms"]}
    told = [(init, arms[f"{init}+{method}"]) for init in results["matrix"]["init"]]
    words = ", ".join(f"`{init}` {points(arm['gain'], arm['gain_interval'])}" for init, arm in told)
    return f"Points of test accuracy over the initialization alone, n = {told[0][1]['n']} [95 % interval]: {words}."


def _source(results: dict[str, Any]) -> str:
    return (
        "Mean ± standard deviation over n seeds; the test set is used once, after the last pass. "
        f"`{results['command']}`: "
        f"{_seconds(results)} on {_machine(results)}, {results['date']}, "
        f"config {results['config_hash']}{_commit(results)}."
    )


def _seconds(results: dict[str, Any]) -> str:
    seconds = [run["seconds"] for arm in results["arms"] for run in arm["runs"]]
    return f"{sum(seconds) / len(seconds):.0f} s a run"


def _machine(results: dict[str, Any]) -> str:
    hardware = results["hardware"]
    return hardware["gpu"] or f"{hardware['cores']} CPU cores"


def _commit(results: dict[str, Any]) -> str:
    """The commit, or all that the runs were trained at."""
    commits = dict.fromkeys(commit[:10] for commit in (results["commit"] or "").split(", ") if commit)
    return f", commit{'s' * (len(commits) > 1)} {', '.join(commits)}" if commits else ""
