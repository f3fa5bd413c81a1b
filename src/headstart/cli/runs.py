"""Train one model, and look at it: the commands that make and read a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli.common import command
from headstart.cli.completion import scheme_names
from headstart.cli.options import (
    Data,
    Fraction,
    Limit,
    Named,
    Out,
    PerClass,
    Permute,
    SaveEvery,
    Set,
    Track,
    Watch,
    With,
    chosen_recipe,
    named_trackers,
)
from headstart.cli.speaking import answer, console, print_json, show_paths


@command("headstart train cifar10 --init impulse:sharpness=0.8 --set passes=30")
def train(
    dataset: Data,
    init: Annotated[
        str | None,
        typer.Option("--init", metavar="SCHEME", help="default, mimetic, impulse …", autocompletion=scheme_names),
    ] = None,
    recipe: Named = None,
    set_: Set = None,
    with_: With = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Of all random numbers.")] = None,
    out: Out = None,
    permute: Permute = False,
    limit: Limit = None,
    per_class: PerClass = None,
    fraction: Fraction = None,
    save_every: SaveEvery = 60.0,
    watch: Watch = False,
    track: Track = None,
) -> None:
    """Train one model; behind ``torchrun --nproc-per-node=N -m``, with N processes or GPUs."""
    from headstart.cli.report import report_of_finished
    from headstart.reporting import save_figure
    from headstart.training import arm_folder, train
    from headstart.training.gathering import note_machine
    from headstart.training.processes import leading

    given = {"limit": limit, "per_class": per_class, "fraction": fraction, "init": init, "seed": seed, "with": with_}
    given["permute_patches"] = 0 if permute else None
    chosen = chosen_recipe(dataset, recipe, given, set_)
    out = out or Path(f"runs/{chosen.dataset_name}-{arm_folder('+'.join([chosen.init, *chosen.methods]))}")
    shown = console()
    heads = out / "heads.png"
    finished = (out / "result.json").exists()
    result = train(
        chosen,
        out,
        console=shown,
        on_start=lambda report: save_figure(report.figure(), heads),
        save_every=save_every,
        track=named_trackers(track),
        watch=watch,
    )
    answer().print(
        f"test accuracy [bold]{result['test_accuracy']:.1%}[/], val {result['val_accuracy']:.1%}, "
        f"{result['seconds']:.0f} s, {result['images_per_second']:,.0f} images/s"
    )
    pages = []
    if leading():
        if not finished:
            note_machine(out)
        pages = [report_of_finished(out, shown)]
    files = show_paths(shown, [out / "model.safetensors", out / "result.json", heads, *pages])
    print_json({"folder": str(out), **result, "files": files})


@command("headstart inspect runs/cifar10-impulse")
def inspect(
    run: Annotated[Path, typer.Argument(help="A folder that `headstart train` wrote.")],
    images: Annotated[int, typer.Option("--images", min=1, help="Validation images to look at.")] = 3,
    query: Annotated[
        tuple[int, int] | None, typer.Option("--query", metavar="ROW COLUMN", help="The looking patch.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the pictures (default: the run's).")] = None,
) -> None:
    """Draw what each head of a trained model looks at, and print its offsets and how far it has moved."""
    from headstart.evaluation.locality import locality
    from headstart.reporting import inspect_model
    from headstart.training import load_run
    from headstart.training.build import sample_images
    from headstart.training.start import MEASURED_IMAGES
    from headstart.training.watching import starting_heads

    found = load_run(run)
    pictures = found.pictures(images)
    report, paths = inspect_model(
        found.model,
        found.normalize(pictures),
        found.dataset.arrange(pictures),
        out or run,
        query=query,
        title=found.title,
    )
    shown = answer()
    shown.print(str(report), markup=False, highlight=False)
    # On the images that the heads were measured on before training, so that nothing but training lies between.
    images_then = sample_images(found.dataset.val, MEASURED_IMAGES, found.recipe.split_seed)
    now = locality(found.model, found.normalize(images_then), starting_heads(run))
    shown.print(f"\nsince the start, on {len(images_then)} validation images:", markup=False, highlight=False)
    shown.print(str(now), markup=False, highlight=False, soft_wrap=True)
    show_paths(shown, paths)
