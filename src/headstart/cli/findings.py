"""What `headstart data check` and `look` print of a dataset."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    from headstart.data.checkup import Checkup, Finding
    from headstart.data.collection import Collection

__all__ = ["as_document", "print_bad", "print_counts", "print_findings", "print_summary"]


def as_document(found: Collection, report: Checkup) -> dict[str, Any]:
    """All of it as plain values, for JSON."""
    document: dict[str, Any] = {"name": found.name, "classes": list(found.classes), "image_shape": _shape(found)}
    document |= {"mean": found.mean, "std": found.std, "counts": report.counts, "notes": found.notes}
    findings = {
        name: [asdict(one) for one in getattr(report, name)] for name in ("leaked", "repeated", "contradictory")
    }
    return {**document, **findings, "left_out": [{"image": name, "reason": reason} for name, reason in found.bad]}


def _shape(found: Collection) -> tuple[int, ...]:
    return tuple(found.parts["train"].split.image_shape)


def print_summary(console: Console, found: Collection) -> None:
    channels, height, width = _shape(found)
    kind = "grey" if channels == 1 else "colour"
    total = sum(len(part) for part in found.parts.values())
    line = f"{found.name}: {total:,} {kind} images of {width}×{height}, {len(found.classes)} classes"
    console.print(line, style="bold", markup=False, highlight=False)
    numbers = [", ".join(f"{value:.4f}" for value in values) for values in (found.mean, found.std)]
    console.print(f"mean {numbers[0]}, std {numbers[1]} over the training images", highlight=False)
    missing = [part for part in ("val", "test") if part not in found.parts]
    if missing:
        console.print(f"no {' and '.join(missing)}: carved from train when loaded, stratified", highlight=False)
    for note in found.notes:
        console.print(note, style="dim", markup=False, highlight=False)


def print_counts(console: Console, found: Collection, report: Checkup) -> None:
    from headstart.reporting.fitted import Fitted

    rows = [
        [name, *(f"{counts[label]:,}" for counts in report.counts.values())] for label, name in enumerate(found.classes)
    ]
    rows.append(["all", *(f"{sum(counts):,}" for counts in report.counts.values())])
    console.print(Fitted(["class", *report.counts], rows, bold=[len(rows) - 1]))


def print_findings(console: Console, report: Checkup) -> None:
    def say(finding: Finding, text: str, style: str) -> None:
        same = "; ".join(f"{one} = {other}" for one, other in finding.examples)
        more = "; …" if finding.count > len(finding.examples) else ""
        line = f"{text.format(f=finding)}: {same}{more}"
        console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)

    for finding in report.leaked:
        say(finding, "LEAKAGE: {f.count:,} of {f.of:,} {f.parts[0]} images are in {f.parts[1]} too", "red")
    for finding in report.repeated:
        say(finding, "copies: {f.count:,} of {f.of:,} {f.parts[0]} images repeat another one there", "yellow")
    for finding in report.contradictory:
        text = "contradictory: {f.count:,} {f.parts[0]} images equal one of {f.parts[1]} with another label"
        say(finding, text, "red")
    if not (report.leaked or report.repeated or report.contradictory):
        console.print("no copies, no leakage", style="green")


def print_bad(console: Console, found: Collection) -> None:
    """All files that were left out, where they are more than the few that loading has named on stderr already."""
    from headstart.data.bad import NAMED

    for name, reason in found.bad if len(found.bad) > NAMED else ():
        console.print(f"left out: {name} ({reason})", style="yellow", markup=False, highlight=False, soft_wrap=True)
