"""headstart data: what datasets there are, get one, check and look at one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli.common import app, command, group
from headstart.cli.completion import dataset_names
from headstart.cli.findings import as_document, print_bad, print_counts, print_findings, print_summary
from headstart.cli.speaking import answer, console, print_json, show_paths

if TYPE_CHECKING:
    from headstart.data.source import RemoteFile, Source

data = group("Datasets: list, describe, download, check and look at them.", "headstart data look photos/")
app.add_typer(data, name="data", short_help="Datasets: list, get, check and look at them.")

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="A name that `headstart data list` shows.", autocompletion=dataset_names),
]
Spec = Annotated[
    str,
    typer.Argument(
        metavar="DATASET", help="Your images, a name of `headstart data list`, NAME:PATH.", autocompletion=dataset_names
    ),
]
Size = Annotated[int | None, typer.Option("--size", min=1, metavar="PIXELS", help="Side to decode to.")]
MaxBad = Annotated[
    float,
    typer.Option("--max-bad", min=0, max=0.99, metavar="SHARE", help="Of files that may be unreadable."),
]


DIGITS = {
    "name": "digits",
    "what": "real handwritten digits",
    "images": "train 1,438, test 359; 8×8, grey",
    "classes": "10",
    "mirrored": "may mean something else",
    "licence": "CC BY 4.0",
    "citation": "E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998",
    "at hand": "yes, in the package",
}


@command("headstart data list", into=data, name="list")
def list_() -> None:
    """The datasets that can be used by name; which are on this machine."""
    from headstart.data.disk import data_root
    from headstart.data.locate import at_hand
    from headstart.data.sources import SOURCES
    from headstart.reporting.fitted import Fitted

    root = data_root()
    header = ["name", "classes", "train", "val", "test", "pixels", "download", "at hand"]
    rows = [["digits", "10", "1,438", "", "359", "8", "0 MB", "yes"]]
    document = [{"name": "digits", "classes": 10, "images": {"train": 1438, "test": 359}, "pixels": 8, "at_hand": True}]
    for name, source in sorted(SOURCES.items()):
        # The first release where there are several; info names all.
        counts = [_count(source.counts.get(part)).partition(" ")[0] for part in ("train", "val", "test")]
        there = "yes" if at_hand(source, root) else ""
        about = {"name": name, "classes": source.classes, "images": source.counts, "pixels": source.image_size}
        document.append({**about, "at_hand": bool(there)})
        rows.append([name, str(source.classes), *counts, str(source.image_size), _download(source), there])
    answer().print(Fitted(header, rows))
    print_json({"datasets": document, "kept_in": str(root)})
    console().print(f"\nkept in {root} (HEADSTART_DATA)", style="dim", markup=False, highlight=False, soft_wrap=True)


@command("headstart data info cifar10", into=data)
def info(name: Name) -> None:
    """What is known of a dataset: files, checksums, licence, citation, statistics."""
    from headstart.data.disk import data_root
    from headstart.data.locate import at_hand

    if name == "digits":
        for key, line in DIGITS.items():
            answer().print(f"{key:<10}{line}", markup=False, highlight=False, soft_wrap=True)
        return print_json({**DIGITS, "files": []})
    source = _source(name)
    computed = "computed from the training images when loaded"
    numbers = ", ".join(f"{part} {_count(count)}" for part, count in source.counts.items())
    rows = {
        "name": source.name,
        "what": source.title,
        "images": f"{numbers}; {source.image_size}×{source.image_size}, {'grey' if source.channels == 1 else 'colour'}",
        "classes": str(source.classes),
        "mean": ", ".join(map(str, source.mean)) if source.mean else computed,
        "std": ", ".join(map(str, source.std)) if source.std else computed,
        "mirrored": "keeps its label" if source.flip_ok else "may mean something else",
        "licence": source.licence,
        "citation": source.citation,
        "homepage": source.homepage,
        "layout": ", ".join(need.replace("|", " or ") for need in source.needs),
        "at hand": str(at_hand(source, data_root()) or "no"),
        "note": source.note,
    }
    lines = [(key, line) for key, value in rows.items() if value for line in value.splitlines()]
    for file in source.files:
        lines += [("file", line) for line in _described(file)]
    if not source.files:
        lines.append(("file", "none to download without an account: name a folder that has the layout"))
    shown, before = answer(), ""
    for key, line in lines:
        # Long lines are not broken: addresses and checksums are there to be copied.
        shown.print(f"{key if key != before else '':<10}{line}", markup=False, highlight=False, soft_wrap=True)
        before = key
    files = [{"url": f.url, "mirrors": list(f.mirrors), "size": f.size, "checksum": f.checksum} for f in source.files]
    print_json({**rows, "files": files})


@command("headstart data get cifar10", into=data)
def get(name: Name) -> None:
    """Download a dataset and count its images: checked against published checksums, unpacked."""
    from headstart.data.disk import data_root
    from headstart.data.public import find_public

    source = _source(name)
    folder, counts = find_public(source, data_root())
    numbers = ", ".join(f"{count:,} {part}" for part, count in counts.items())
    answer().print(f"{name}: {numbers} images in {folder}", markup=False, highlight=False, soft_wrap=True)
    print_json({"name": name, "folder": str(folder), "images": counts})


@command("headstart data check photos/", into=data)
def check(spec: Spec, size: Size = None, max_bad: MaxBad = 0.01) -> None:
    """Count classes, name unreadable files, find copies; copies across parts are leakage: exit code 1."""
    from headstart.data import checkup, load_collection

    found = load_collection(spec, image_size=size, max_bad=max_bad)
    report = checkup(found)
    shown = answer()
    print_summary(shown, found)
    print_counts(shown, found, report)
    print_findings(shown, report)
    print_bad(shown, found)
    print_json(as_document(found, report))
    if report.leaked:
        raise typer.Exit(1)


@command("headstart data look photos/ --out sheet.png", into=data)
def look(
    spec: Spec,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Default: NAME-look.png.")] = None,
    size: Size = None,
    part: Annotated[str, typer.Option("--part", metavar="PART", help="train, val or test.")] = "train",
    columns: Annotated[int, typer.Option("--columns", min=1, metavar="N", help="Images of each class.")] = 12,
    max_bad: MaxBad = 0.01,
) -> None:
    """Draw a contact sheet: a few images of each class, as a model will see them."""
    from headstart.data import checkup, contact_sheet, load_collection, save_sheet
    from headstart.errors import unknown

    found = load_collection(spec, image_size=size, max_bad=max_bad)
    if part not in found.parts:
        raise unknown(f"part of {found.name}", part, found.parts)
    path = save_sheet(contact_sheet(found, columns=columns, part=part), out or Path(f"{found.name}-look.png"))
    report = checkup(found)
    shown = console()
    print_summary(shown, found)
    print_counts(shown, found, report)
    print_findings(shown, report)
    print_json({**as_document(found, report), "files": show_paths(answer(), [path])})


def _source(name: str) -> Source:
    from headstart.data.sources import SOURCES
    from headstart.errors import HeadstartError, unknown

    if name == "digits":
        raise HeadstartError("digits is carried in the package: there is nothing to get; headstart data info digits")
    if name not in SOURCES:
        raise unknown("dataset", name, SOURCES)
    return SOURCES[name]


def _count(count: int | tuple[int, ...] | None) -> str:
    return "" if count is None else " or ".join(f"{n:,}" for n in (count if isinstance(count, tuple) else (count,)))


def _download(source: Source) -> str:
    if not source.files:
        return "account"
    sizes = [file.size for file in source.files]
    return "?" if None in sizes else f"{sum(size or 0 for size in sizes) / 1e6:,.0f} MB"


def _described(file: RemoteFile) -> list[str]:
    size = f"{file.size:,} bytes" if file.size else "size not published"
    return [
        file.url,
        *(f"or {mirror}" for mirror in file.mirrors),
        f"{size}, {file.checksum or 'no checksum published'}",
    ]
