"""Compare initializations: here, many runs at once, or as jobs of a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from headstart.cli.common import UsageError, command
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

if TYPE_CHECKING:
    from headstart.initialization import InitReport
    from headstart.training import Recipe
    from headstart.training.arms import Matrix
    from headstart.training.comparison import Plan, Runner

MANY = "Many runs"

Arms = Annotated[
    str,
    typer.Option(
        "--init", metavar="A,B+METHOD", help="Initializations, methods behind +.", autocompletion=scheme_names
    ),
]
Table = Annotated[
    tuple[str, str] | None,
    typer.Option("--matrix", metavar="INIT WITH", help="All pairs: init=A,B with=none,C."),
]
Seeds = Annotated[int, typer.Option("--seeds", min=1, metavar="N", help="Seeds of each.")]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="The first seed.")]
Kind = Annotated[
    str | None,
    typer.Option("--cluster", metavar="slurm|local", help="A job for each run.", rich_help_panel=MANY),
]
ClusterSet = Annotated[
    list[str] | None,
    typer.Option("--cluster-set", metavar="KEY=VALUE", help="partition=gpu, time=120 …", rich_help_panel=MANY),
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Submit the jobs and return.", rich_help_panel=MANY)]
AtOnce = Annotated[
    int | None,
    typer.Option("--together", min=2, metavar="N", help="N runs at once on one device.", rich_help_panel=MANY),
]


@command("headstart demo")
def demo(
    out: Out = None,
    seeds: Seeds = 3,
    set_: Set = None,
) -> None:
    """Default, mimetic and impulse on real handwritten digits: a few CPU minutes, no download."""
    from headstart.training import named_recipe

    recipe = named_recipe("digits").override(set_ or [])
    _compare(recipe, ["default", "mimetic", "impulse"], list(range(seeds)), out or Path("runs/demo"))


@command("headstart compare cifar10 --init default,mimetic,impulse --seeds 5")
def compare(
    dataset: Data,
    init: Arms = "default,mimetic,impulse",
    matrix: Table = None,
    seeds: Seeds = 3,
    seed: Seed = 0,
    recipe: Named = None,
    set_: Set = None,
    with_: With = None,
    out: Out = None,
    permute: Permute = False,
    limit: Limit = None,
    per_class: PerClass = None,
    fraction: Fraction = None,
    together: AtOnce = None,
    cluster: Kind = None,
    cluster_set: ClusterSet = None,
    no_wait: NoWait = False,
    save_every: SaveEvery = 60.0,
    watch: Watch = False,
    track: Track = None,
) -> None:
    """Train each initialization with each seed on the same images in the same order; table, curves, heads."""
    from headstart.training.arms import Matrix
    from headstart.training.cluster import Submitted

    runner = _runner(together, cluster, cluster_set, no_wait)
    fewer = {"limit": limit, "per_class": per_class, "fraction": fraction, "with": with_}
    fewer["permute_patches"] = 0 if permute else None
    chosen = chosen_recipe(dataset, recipe, fewer, set_)
    arms = [arm.strip() for arm in init.split(",")] if matrix is None else Matrix.parse(*matrix)
    out = out or own_folder(f"compare-{chosen.dataset_name}", chosen, set_)
    try:
        _compare(chosen, arms, list(range(seed, seed + seeds)), out, save_every, runner, named_trackers(track), watch)
    except Submitted as told:
        answer().print(str(told), highlight=False, soft_wrap=True)
        print_json({"folder": str(out), "submitted": str(told)})


def _runner(together: int | None, cluster: str | None, settings: list[str] | None, no_wait: bool) -> Runner | None:
    from headstart.training.cluster import Cluster
    from headstart.training.together import Together

    if cluster is None and (settings or no_wait):
        raise UsageError("--cluster-set and --no-wait need --cluster slurm or --cluster local.")
    if cluster is not None and together is not None:
        raise UsageError("--together trains many runs in one process, --cluster each in its own: choose one.")
    if cluster is not None:
        return Cluster(cluster, settings or [], wait=not no_wait)
    return None if together is None else Together(together)


def _compare(
    recipe: Recipe,
    arms: list[str] | Matrix,
    seeds: list[int],
    out: Path,
    save_every: float = 60.0,
    runner: Runner | None = None,
    track: Sequence[str] = (),
    watch: bool = False,
) -> None:
    from headstart.cli.report import report_of_finished
    from headstart.leading import leading
    from headstart.reporting import draw_curves, rich_table
    from headstart.reporting.watched import draw_watched
    from headstart.training import compare
    from headstart.training.comparison import one_after_another

    def told(plan: Plan) -> None:
        if not all(run.finished for run in plan.runs):
            say_outlook(plan.recipe, plan.dataset)
        (runner or one_after_another)(plan)

    shown = console()
    results = compare(
        recipe,
        arms,
        seeds,
        out,
        console=shown,
        on_start=partial(_draw_heads, out.absolute()),
        save_every=save_every,
        runner=told,
        track=track,
        watch=watch,
    )
    if not leading():
        return
    curves = draw_curves(results, out / "curves.png")
    locality = draw_watched(results, out / "locality.png")
    _notes(shown, results)
    answer().print(rich_table(results))
    pictures = [curves, locality, report_of_finished(out, shown)]
    heads = [_heads(out, arm["name"]) for arm in results["arms"]]
    files = show_paths(shown, [out / "results.json", *pictures, *heads])
    print_json({"folder": str(out), **results, "files": files})


def _draw_heads(out: Path, arm: str, report: InitReport) -> None:
    from headstart.reporting import draw_heads

    draw_heads(report, _heads(out, arm))


def _heads(out: Path, arm: str) -> Path:
    from headstart.training import arm_folder

    return out / f"heads-{arm_folder(arm)}.png"


def _notes(shown: Console, results: dict[str, Any]) -> None:
    if any("hardware" in run for arm in results["arms"] for run in arm["runs"]):
        words = "runs were made on different hardware; results.json has it for each: compare seconds only among equals"
        shown.print(words, style="yellow", markup=False, highlight=False, soft_wrap=True)
    for arm in results["arms"]:
        for note in arm["runs"][0]["notes"]:
            shown.print(f"{arm['name']}: {note}", style="dim", markup=False, highlight=False, soft_wrap=True)
