"""The sections made of a result file: the table, how it was made, curves, accuracy against speed."""

from __future__ import annotations

from html import escape
from typing import Any

from headstart.reporting.page.markup import Cell, details, section, table
from headstart.reporting.page.svg import Series, legend, line_chart, point_chart
from headstart.reporting.tables import cost_lines, table_rows

__all__ = ["curves", "how", "result", "speed"]

CODE = ("config", "commit", "command")


def result(results: dict[str, Any]) -> str:
    """The table of accuracies with paired differences and intervals, what methods cost, and every run behind it."""
    arms = results["arms"]
    if arms[0]["mean"] is None:
        val = _percent(arms[0]["runs"][0]["val"])
        words = f"The run is half-trained: {val} of the validation images are right so far. The test images wait."
        return section("result", "Result", f"<p>{words}</p>")
    header, rows = table_rows(results)
    exact: list[list[str | Cell]] = [
        [row[0], Cell(row[1], arm["mean"]), row[2], Cell(row[3], arm["difference"]), *row[4:]]
        for row, arm in zip(rows, arms, strict=True)
    ]
    keep = 4 if len(arms) > 1 else 3  # a single arm differs from nothing
    columns = [*header[:keep], *header[4:]]
    exact = [[*row[:keep], *row[4:]] for row in exact]
    extra = ["validation accuracy, %", "seconds a run"]
    if "matrix" not in results:
        extra += ["M parameters", "GFLOP an image", "images/s"]
    for row, arm in zip(exact, arms, strict=True):
        runs = arm["runs"]
        row += [_share(_mean(runs, "val")), Cell(f"{_mean(runs, 'seconds'):.1f}", _mean(runs, "seconds"))]
        if "matrix" not in results:
            row += [
                _number(runs[0].get("parameters", arm.get("parameters")), 1e-6, ".3f"),
                _number(runs[0].get("flops", arm.get("flops")), 1e-9, ".4f"),
                _number(_mean(runs, "images_per_second"), 1, ",.0f"),
            ]
    spread = "mean ± standard deviation over n seeds" if max(arm["n"] for arm in arms) > 1 else "one seed"
    caption = f"Accuracy on the test images, used once, after the last pass; {spread}."
    if len(arms) > 1:
        caption += " Differences are paired by seed."
    each: list[list[str | Cell]] = [
        [f"{arm['name']} seed {run['seed']}", _share(run["test"], 2), _share(run["val"], 2)]
        for arm in arms
        for run in arm["runs"]
    ]
    runs_table = table("Accuracy of every run", ["run", "test, %", "validation, %"], each)
    numbers = table(caption, [*columns, *extra], exact, "results")
    costs = "".join(f'<p class="note">{escape(line)}</p>' for line in cost_lines(results))
    return section("result", "Result", numbers, costs, details("Every run", runs_table))


def how(results: dict[str, Any], facts: dict[str, str]) -> str:
    """What it takes to get the same numbers again: config, seeds, hardware, commit; ``facts`` go first."""
    config, hardware = results["config"], results.get("hardware")
    seeds = [str(run["seed"]) for run in results["arms"][0]["runs"]]
    versions = results.get("versions") or {}
    told = {
        **facts,
        "seeds": ", ".join(seeds),
        "passes": str(config.get("passes", "")),
        "config": results["config_hash"],
        "hardware": _hardware(hardware) if hardware else "not noted",
        "commit": results.get("commit") or "not noted",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items() if version),
        "date": results.get("date", ""),
        "command": results.get("command") or "",
    }
    written = {key: f"<code>{escape(value)}</code>" if key in CODE else escape(value) for key, value in told.items()}
    rows = "".join(f"<dt>{escape(key)}</dt><dd>{value}</dd>" for key, value in written.items() if told[key])
    protocol = f"<p>{escape(results['protocol'])}</p>" if results.get("protocol") else ""
    config_table = table("Every key of the recipe", ["key", "value"], [[k, str(v)] for k, v in config.items()])
    return section("how", "How it was made", f"<dl>{rows}</dl>", protocol, details("The whole recipe", config_table))


def curves(results: dict[str, Any]) -> str:
    """Validation accuracy over passes: the mean over seeds, and a band from the lowest to the highest."""
    series = []
    for arm in results["arms"]:
        runs = [run["history"] for run in arm["runs"] if run.get("history")]
        runs = [[row for row in rows if row.get("val_accuracy") is not None] for rows in runs]
        length = min((len(rows) for rows in runs), default=0)
        if length == 0:
            continue
        columns = [[rows[index]["val_accuracy"] for rows in runs] for index in range(length)]
        mean = [sum(column) / len(column) for column in columns]
        passes = [row["pass"] for row in runs[0][:length]]
        series.append(Series(arm["name"], passes, mean, [min(c) for c in columns], [max(c) for c in columns]))
    if not series:
        return ""
    told = "Validation accuracy over passes. " + " ".join(
        f"{one.name} ends at {_percent(one.ys[-1])} after {one.xs[-1]} passes." for one in series
    )
    chart = line_chart(series, told, "passes over the training images", "validation accuracy, %")
    longest = max(series, key=lambda one: len(one.xs)).xs
    rows = [
        [str(number), *(_share(one.ys[i]) if i < len(one.ys) else "–" for one in series)]
        for i, number in enumerate(longest)
    ]
    numbers = table("Validation accuracy in percent, mean over seeds", ["pass", *[s.name for s in series]], rows)
    several = max(len(arm["runs"]) for arm in results["arms"]) > 1
    note = "Lines are means over seeds; bands reach from the lowest seed to the highest." if several else "One seed."
    return section(
        "curves",
        "Learning curves",
        legend([one.name for one in series]),
        chart,
        f'<p class="note">{note}</p>',
        details("The numbers", numbers),
    )


def speed(results: dict[str, Any]) -> str:
    """Accuracy against images a second in training; nothing for a single arm, whose table says both."""
    arms = [arm for arm in results["arms"] if arm["mean"] is not None and _mean(arm["runs"], "images_per_second")]
    if len(arms) < 2:
        return ""
    series = []
    for arm in arms:
        sd = arm["sd"] or 0.0
        ends = [max(0.0, arm["mean"] - sd)], [min(1.0, arm["mean"] + sd)]
        series.append(Series(arm["name"], [_mean(arm["runs"], "images_per_second") or 0.0], [arm["mean"]], *ends))
    told = "Test accuracy against training speed. " + " ".join(
        f"{one.name}: {_percent(one.ys[0])} at {one.xs[0]:,.0f} images a second." for one in series
    )
    chart = point_chart(series, told, "images a second in training", "test accuracy, %")
    note = "Mean of the seeds; bars are one standard deviation. Speeds compare only among runs of the same hardware."
    if any("hardware" in run for arm in results["arms"] for run in arm["runs"]):
        note += " These runs were made on different hardware."
    return section(
        "speed",
        "Accuracy against speed",
        legend([one.name for one in series]),
        chart,
        f'<p class="note">{note} The numbers are in the table above.</p>',
    )


def _mean(runs: list[dict[str, Any]], key: str) -> float | None:
    values = [run.get(key) for run in runs]
    return None if None in values or not values else sum(values) / len(values)  # type: ignore[arg-type]


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def _share(share: float | None, digits: int = 1) -> Cell:
    return Cell("–") if share is None else Cell(f"{100 * share:.{digits}f}", share)


def _number(value: float | None, scale: float, form: str) -> Cell:
    return Cell("–") if value is None else Cell(f"{value * scale:{form}}", value)


def _hardware(hardware: dict[str, Any]) -> str:
    counts = [(hardware.get(what), what[: -1 if hardware.get(what) == 1 else None]) for what in ("cores", "threads")]
    cpu = ", ".join([str(hardware.get("cpu")), *(f"{count} {what}" for count, what in counts)])
    return f"{hardware['gpu']}; {cpu}" if hardware.get("gpu") else cpu
