"""headstart data: what datasets there are, get one, check and look at one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from headstart.cli.common import app, friendly, show_paths
from headstart.cli.findings import print_bad, print_counts, print_findings, print_summary

if TYPE_CHECKING:
    from headstart.data.source import RemoteFile, Source

data = typer.Typer(
    help="Datasets: list, describe, download, check and look at them.", no_args_is_help=True, rich_markup_mode="rich"
)
app.add_typer(data, name="data")

Name = Annotated[str, typer.Argument(help="A name that `headstart data list` shows.")]
Spec = Annotated[str, typer.Argument(help="A path to your images, a known name, or NAME:PATH.")]
Size = Annotated[int | None, typer.Option("--size", min=1, help="Side in pixels to decode to.")]
MaxBad = Annotated[
    float, typer.Option("--max-bad", min=0, max=0.99, help="Share of unreadable files that may be left out.")
]


@data.command("list")
@friendly
def list_() -> None:
    """The datasets that can be used by name, and which are on this machine."""
    from headstart.data.disk import data_root
    from headstart.data.locate import at_hand
    from headstart.data.sources import SOURCES

    root = data_root()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("name", "classes", "train", "val", "test", "pixels", "download", "at hand"):
        table.add_column(heading, justify="left" if heading in ("name", "at hand") else "right", no_wrap=True)
    table.add_row("digits", "10", "1,438", "", "359", "8", "0 MB", "yes")
    for name, source in sorted(SOURCES.items()):
        # The first release where there are several; info names all.
        counts = [_count(source.counts.get(part)).partition(" ")[0] for part in ("train", "val", "test")]
        there = "yes" if at_hand(source, root) else ""
        table.add_row(name, str(source.classes), *counts, str(source.image_size), _download(source), there)
    console = Console()
    console.print(table)
    console.print(f"\nkept in {root} (HEADSTART_DATA)", style="dim", markup=False, highlight=False, soft_wrap=True)


@data.command()
@friendly
def info(name: Name) -> None:
    """What is known of a dataset: files, checksums, licence, citation, statistics."""
    from headstart.data.disk import data_root
    from headstart.data.locate import at_hand

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
    console, before = Console(), ""
    for key, line in lines:
        # Long lines are not broken: addresses and checksums are there to be copied.
        console.print(f"{key if key != before else '':<10}{line}", markup=False, highlight=False, soft_wrap=True)
        before = key


@data.command()
@friendly
def get(name: Name) -> None:
    """Download a dataset, check it against its published checksums, unpack it, and count its images."""
    from headstart.data.disk import data_root
    from headstart.data.public import find_public

    source = _source(name)
    folder, counts = find_public(source, data_root())
    numbers = ", ".join(f"{count:,} {part}" for part, count in counts.items())
    Console().print(f"{name}: {numbers} images in {folder}", markup=False, highlight=False, soft_wrap=True)


@data.command()
@friendly
def check(spec: Spec, size: Size = None, max_bad: MaxBad = 0.01) -> None:
    """Count the classes, name unreadable files, and find copies; copies across parts are leakage and exit code 1."""
    from headstart.data import checkup, load_collection

    found = load_collection(spec, image_size=size, max_bad=max_bad)
    report = checkup(found)
    console = Console()
    print_summary(console, found)
    print_counts(console, found, report)
    print_findings(console, report)
    print_bad(console, found)
    if report.leaked:
        raise typer.Exit(1)


@data.command()
@friendly
def look(
    spec: Spec,
    out: Annotated[Path | None, typer.Option("--out", help="The PNG to write (default: NAME-look.png).")] = None,
    size: Size = None,
    part: Annotated[str, typer.Option("--part", help="train, val or test.")] = "train",
    columns: Annotated[int, typer.Option("--columns", min=1, help="Images of each class.")] = 12,
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
    console = Console()
    print_summary(console, found)
    print_counts(console, found, report)
    print_findings(console, report)
    show_paths(console, [path])


def _source(name: str) -> Source:
    from headstart.data.sources import SOURCES
    from headstart.errors import HeadstartError, unknown

    if name == "digits":
        raise HeadstartError(
            "digits is carried in the package: 1,797 handwritten digits of 8×8 pixels, CC BY 4.0 (UCI, Optical "
            "Recognition of Handwritten Digits, E. Alpaydin, C. Kaynak, 1998); there is nothing to get"
        )
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
