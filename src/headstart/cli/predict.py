"""Ask a trained model what images show."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from headstart.cli.common import UsageError, command
from headstart.cli.speaking import answer, asked_for_json, print_json
from headstart.errors import HeadstartError

if TYPE_CHECKING:
    import torch

    from headstart.training.predicting import Prediction, Predictor

Run = Annotated[Path, typer.Argument(metavar="RUN", help="A folder of `headstart train` or `export`, or its file.")]
Images = Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Image files, folders of them, or '*.jpg'.")]
Top = Annotated[int, typer.Option("--top", min=1, metavar="N", help="Classes to name for each image.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV and nothing else.")]
Batch = Annotated[int, typer.Option("--batch", min=1, metavar="N", help="Images that go through at once.")]
Device = Annotated[str | None, typer.Option("--device", metavar="cpu|cuda", help="Where to run.")]


@command("headstart predict runs/cifar10-impulse photo.jpg")
def predict(
    run: Run,
    images: Images,
    top: Top = 3,
    as_csv: AsCsv = False,
    batch: Batch = 64,
    device: Device = None,
) -> None:
    """Say what images show, with probabilities calibrated on the validation images.

    An image that can't be read is reported, and the others go on; the exit code is then 1.
    """
    from headstart.cli.evaluate import chosen_device
    from headstart.data.finding import find_images
    from headstart.training.predicting import load

    if as_csv and asked_for_json():
        raise UsageError("expected --csv or --json, got both: choose one.")
    paths = find_images(images)
    predictor = load(run, device=chosen_device(device))
    found: list[tuple[Path, Prediction]] = []
    bad: list[tuple[Path, str]] = []
    for first in range(0, len(paths), batch):
        read, reasons = _read(predictor, paths[first : first + batch])
        found += zip(read, predictor.predict(list(read.values()), top=top, batch_size=batch), strict=True)
        bad += reasons
    if as_csv:
        _print_csv(found)
    elif found:
        _print_table(found)
    _print_json(found, bad)
    errors = Console(stderr=True)
    for _, reason in bad:
        errors.print(f"left out: {reason}", style="red", markup=False, highlight=False, soft_wrap=True)
    if bad:
        raise typer.Exit(1)


def _read(predictor: Predictor, paths: list[Path]) -> tuple[dict[Path, torch.Tensor], list[tuple[Path, str]]]:
    """The images that can be read, and what is wrong with the others."""
    read, bad = {}, []
    for path in paths:
        try:
            read[path] = predictor.read(path)
        except HeadstartError as error:
            bad.append((path, str(error)))
    return read, bad


def _print_table(found: list[tuple[Path, Prediction]]) -> None:
    from headstart.reporting.fitted import Fitted

    header, words = ["image"], []
    for rank in range(len(found[0][1].top)):
        words.append(len(header))
        header += ["class" if rank == 0 else f"{rank + 1}.", ""]
    rows = [
        [str(path), *(cell for name, share in prediction.top for cell in (name, f"{share:.1%}"))]
        for path, prediction in found
    ]
    answer().print(Fitted(header, rows, left=words))


def _print_csv(found: list[tuple[Path, Prediction]]) -> None:
    rows = csv.writer(sys.stdout, lineterminator="\n")
    ranks = range(1, len(found[0][1].top) + 1) if found else (1,)
    rows.writerow(["image", *(name for rank in ranks for name in (f"class_{rank}", f"probability_{rank}"))])
    for path, prediction in found:
        rows.writerow([path, *(cell for name, share in prediction.top for cell in (name, f"{share:.6f}"))])


def _print_json(found: list[tuple[Path, Prediction]], bad: list[tuple[Path, str]]) -> None:
    images = [
        {
            "image": str(path),
            "label": prediction.label,
            "probability": prediction.probability,
            "top": [{"label": name, "probability": share} for name, share in prediction.top],
        }
        for path, prediction in found
    ]
    document = {"images": images, "left_out": [{"image": str(path), "reason": reason} for path, reason in bad]}
    print_json(document)
