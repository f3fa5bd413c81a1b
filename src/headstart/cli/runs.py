"""Train one model, and look at it: the commands that make and read a run folder."""

from __future__ import annotations

from functools import partial
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
    own_folder,
    say_outlook,
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
    from headstart.leading import leading
    from headstart.reporting import draw_heads
    from headstart.training.comparison import Run, arm_folder, train_run

    given = {"limit": limit, "per_class": per_class, "fraction": fraction, "init": init, "seed": seed, "with": with_}
    given["permute_patches"] = 0 if permute else None
    chosen = chosen_recipe(dataset, recipe, given, set_)
    arm = "+".join([chosen.init, *chosen.methods])
    out = out or own_folder(f"{chosen.dataset_name}-{arm_folder(arm)}", chosen, set_)
    shown = console()
    heads = out / "heads.png"
    run = Run(arm, chosen, out, lambda report: draw_heads(report, heads))
    result = train_run(
        run,
        console=shown,
        on_data=partial(say_outlook, chosen),
        save_every=save_every,
        track=named_trackers(track),
        watch=watch,
    )
    answer().print(
        f"test accuracy [bold]{result['test_accuracy']:.1%}[/], val {result['val_accuracy']:.1%}, "
        f"{result['seconds']:.0f} s, {result['images_per_second']:,.0f} images/s",
        highlight=False,
    )
    pages = [report_of_finished(out, shown)] if leading() else []
    files = show_paths(shown, [out / "model.safetensors", out / "result.json", heads, *pages])
    print_json({"folder": str(out), **result, "files": files})
