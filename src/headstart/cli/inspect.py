"""Look at a run: pictures of all that it allows, and numbers of its heads."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli.common import command
from headstart.cli.speaking import answer, print_json
from headstart.errors import HeadstartError, UnsupportedModel, unknown

if TYPE_CHECKING:
    from headstart.reporting import Drawn, Sight
    from headstart.training.inspection import Run

__all__ = ["inspect"]

FORMATS = {"png": ("png",), "svg": ("svg",), "both": ("png", "svg")}


@command("headstart inspect runs/cifar10-impulse --query 3 4 --format svg")
def inspect(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `headstart train` wrote.")],
    images: Annotated[int, typer.Option("--images", min=1, metavar="N", help="Validation images to look at.")] = 3,
    image: Annotated[
        list[Path] | None, typer.Option("--image", metavar="FILE", help="Your own instead; repeatable.")
    ] = None,
    query: Annotated[
        tuple[int, int] | None, typer.Option("--query", metavar="ROW COLUMN", help="The looking patch, from 0.")
    ] = None,
    format_: Annotated[str, typer.Option("--format", metavar="png|svg|both", help="Of the pictures.")] = "png",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="For the pictures (default: the run's).")
    ] = None,
) -> None:
    """Draw what each head of a trained model looks at, before training and after; print its offsets and moves."""
    from headstart.evaluation.locality import locality
    from headstart.reporting import draw_all
    from headstart.reporting.offsets import moved_table
    from headstart.training import load_run

    if format_ not in FORMATS:
        raise unknown("format of pictures", format_, FORMATS)
    found = load_run(run)
    sight = _sight(run, found, images, image or [])
    try:
        report, drawn = draw_all(sight, out or run, query=query, formats=FORMATS[format_])
    except UnsupportedModel as error:
        other = f"headstart report {shlex.quote(str(run))}"
        raise HeadstartError(f"there is nothing to draw ({error}) What the run gave: {other}") from None
    shown = answer()
    shown.print(str(report), markup=False, highlight=False)
    # On the images that the heads were measured on before training, so that nothing but training lies between.
    now = locality(found.model, sight.measured, sight.heads)
    shown.print(f"\nsince the start, on {len(sight.measured)} validation images:", markup=False, highlight=False)
    shown.print(moved_table(now))
    for line in str(now).splitlines()[1 + len(now.heads) :]:
        shown.print(line, markup=False, highlight=False, soft_wrap=True)
    shown.print()
    for one in drawn:
        _tell(one)
    pictures = [{"name": d.name, "what": d.what, "files": d.paths, "not_drawn": d.reason or None} for d in drawn]
    files = [path for one in drawn for path in one.paths]
    about = {"run": str(run), "title": found.title, "query": query, "heads": report.to_dict(), "now": now.to_dict()}
    print_json({**about, "pictures": pictures, "files": files})


def _sight(folder: Path, run: Run, count: int, files: list[Path]) -> Sight:
    """The run as it is and as it was, and what it is to look at."""
    import torch

    from headstart.reporting import Sight
    from headstart.training.build import sample_images
    from headstart.training.moments import moments
    from headstart.training.over_time import rows_over_training
    from headstart.training.pictures import read_picture
    from headstart.training.start import MEASURED_IMAGES
    from headstart.training.watching import starting_heads

    if files:
        shape = run.dataset.train.image_shape
        pictures = torch.stack([read_picture(file, shape) for file in files])
    else:
        pictures = run.pictures(count)
    notes: list[str] = []
    heads = starting_heads(folder)
    found = moments(folder, run, run.passes, notes)
    measured = run.normalize(sample_images(run.dataset.val, MEASURED_IMAGES, run.recipe.split_seed))
    return Sight(
        run.model,
        run.normalize(pictures),
        run.dataset.arrange(pictures),
        measured,
        start=found[0].model() if found[0].passes == 0 else None,
        without_start=" ".join(notes),
        heads=heads,
        rows=rows_over_training(folder, found, measured, heads),
        title=run.title,
    )


def _tell(one: Drawn) -> None:
    """One line: the files and what they show, or what could not be drawn and why."""
    if one.paths:
        words, style = f"  {', '.join(map(str, one.paths))}: {one.what}", "cyan"
    else:
        words, style = f"  not drawn, {one.name}: {one.reason}", "yellow"
    answer().print(words, style=style, markup=False, highlight=False, soft_wrap=True)
