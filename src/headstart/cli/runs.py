"""Train, compare, look: the commands that make and read run folders."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from headstart.cli.common import app, friendly, show_paths
from headstart.errors import HeadstartError

if TYPE_CHECKING:
    from headstart.initialization import InitReport
    from headstart.training import Recipe
    from headstart.training.comparison import Runner

Out = Annotated[Path | None, typer.Option("--out", help="Folder of the run; the same one again goes on.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the recipe; repeatable.")]
Limit = Annotated[int | None, typer.Option("--limit", help="Use that many training images.")]
PerClass = Annotated[int | None, typer.Option("--per-class", help="Use that many training images of each class.")]
Fraction = Annotated[float | None, typer.Option("--fraction", help="Use that share of the training images.")]
SaveEvery = Annotated[float, typer.Option("--save-every", min=0, help="Seconds between checkpoints inside a pass.")]
Named = Annotated[str | None, typer.Option("--recipe", help="Start from a named recipe.")]
Arms = Annotated[str, typer.Option("--init", help="Initializations, separated by commas.")]
Seeds = Annotated[int, typer.Option("--seeds", min=1, help="Seeds per initialization.")]
Seed = Annotated[int, typer.Option("--seed", help="The (first) seed.")]
Kind = Annotated[str | None, typer.Option("--cluster", metavar="slurm|local", help="A job for each run.")]
ClusterSet = Annotated[
    list[str] | None,
    typer.Option("--cluster-set", metavar="KEY=VALUE", help="partition=gpu, time=120 (minutes), jobs=4 …; repeatable."),
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Submit the jobs and return.")]
Data = Annotated[
    str, typer.Argument(help="A path to your images, a known dataset (headstart data list), or NAME:PATH.")
]


@app.command()
@friendly
def demo(out: Out = None, seeds: Seeds = 3, set_: Set = None) -> None:
    """Default, mimetic and impulse on real handwritten digits: a few CPU minutes, no download."""
    from headstart.training import named_recipe

    recipe = named_recipe("digits").override(set_ or [])
    _compare(recipe, ["default", "mimetic", "impulse"], list(range(seeds)), out or Path("runs/demo"))


@app.command()
@friendly
def compare(
    dataset: Data,
    init: Arms = "default,mimetic,impulse",
    seeds: Seeds = 3,
    seed: Seed = 0,
    out: Out = None,
    recipe: Named = None,
    limit: Limit = None,
    per_class: PerClass = None,
    fraction: Fraction = None,
    save_every: SaveEvery = 60.0,
    set_: Set = None,
    cluster: Kind = None,
    cluster_set: ClusterSet = None,
    no_wait: NoWait = False,
) -> None:
    """Train each initialization with each seed on the same images in the same order; table, curves, heads."""
    from headstart.training.cluster import Cluster, Submitted

    runner = None
    if cluster is not None:
        runner = Cluster(cluster, cluster_set or [], wait=not no_wait)
    elif cluster_set or no_wait:
        raise HeadstartError("--cluster-set and --no-wait need --cluster slurm or --cluster local.")
    fewer = {"limit": limit, "per_class": per_class, "fraction": fraction}
    chosen = _recipe(dataset, recipe, fewer, set_)
    arms = [arm.strip() for arm in init.split(",")]
    out = out or Path(f"runs/compare-{chosen.dataset_name}")
    try:
        _compare(chosen, arms, list(range(seed, seed + seeds)), out, save_every, runner)
    except Submitted as told:
        Console().print(str(told), highlight=False, soft_wrap=True)


@app.command()
@friendly
def train(
    dataset: Data,
    init: Annotated[str | None, typer.Option("--init", help="The initialization.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="The seed.")] = None,
    out: Out = None,
    recipe: Named = None,
    limit: Limit = None,
    per_class: PerClass = None,
    fraction: Fraction = None,
    save_every: SaveEvery = 60.0,
    set_: Set = None,
) -> None:
    """Train one model."""
    from headstart.reporting import save_figure
    from headstart.training import arm_folder, train

    given = {"limit": limit, "per_class": per_class, "fraction": fraction, "init": init, "seed": seed}
    chosen = _recipe(dataset, recipe, given, set_)
    out = out or Path(f"runs/{chosen.dataset_name}-{arm_folder(chosen.init)}")
    console = Console()
    heads = out / "heads.png"
    result = train(
        chosen,
        out,
        console=console,
        on_start=lambda report: save_figure(report.figure(), heads),
        save_every=save_every,
    )
    console.print(
        f"test accuracy [bold]{result['test_accuracy']:.1%}[/], val {result['val_accuracy']:.1%}, "
        f"{result['seconds']:.0f} s, {result['images_per_second']:,.0f} images/s"
    )
    show_paths(console, [out / "model.safetensors", out / "result.json", heads])


@app.command()
@friendly
def inspect(
    run: Annotated[Path, typer.Argument(help="A folder that `headstart train` wrote.")],
    images: Annotated[int, typer.Option("--images", min=1, help="Validation images to look at.")] = 3,
    query: Annotated[
        tuple[int, int] | None, typer.Option("--query", metavar="ROW COLUMN", help="The looking patch.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the pictures (default: the run's).")] = None,
) -> None:
    """Draw what each head of a trained model looks at, and print its offsets."""
    from headstart.reporting import inspect_model
    from headstart.training import load_run

    found = load_run(run)
    pictures = found.pictures(images)
    report, paths = inspect_model(
        found.model, found.normalize(pictures), pictures, out or run, query=query, title=found.title
    )
    console = Console()
    console.print(str(report), markup=False, highlight=False)
    show_paths(console, paths)


def _recipe(dataset: str, name: str | None, given: dict[str, Any], assignments: list[str] | None) -> Recipe:
    """The named recipe, else the dataset's own or a recommended one (told with its reasons), changed as asked."""
    from headstart.data import spec_place
    from headstart.training import named_recipe, recipe_for
    from headstart.training.recipes import pinned

    changes = [f"{key}={value}" for key, value in given.items() if value is not None]
    changes = [*changes, *(assignments or [])]
    spec = spec_place(dataset)
    if name is not None:
        return pinned(named_recipe(name).override([f"dataset={spec}", *changes]))
    advice = recipe_for(spec, changes)
    if advice.reasons:
        console = Console()
        console.print(f"recommended for {advice.recipe.dataset_name} (change any of it with --set):", highlight=False)
        for reason in advice.reasons:
            console.print(f"  {reason}", style="cyan", markup=False, highlight=False, soft_wrap=True)
    return advice.recipe


def _compare(
    recipe: Recipe, arms: list[str], seeds: list[int], out: Path, save_every: float = 60.0, runner: Runner | None = None
) -> None:
    from headstart.reporting import draw_curves, rich_table
    from headstart.training import compare

    console = Console()
    results = compare(
        recipe,
        arms,
        seeds,
        out,
        console=console,
        on_start=partial(_draw_heads, out.absolute()),
        save_every=save_every,
        runner=runner,
    )
    curves = draw_curves(results, out / "curves.png")
    _notes(console, results)
    console.print(rich_table(results))
    show_paths(console, [out / "results.json", curves, *[_heads(out, arm) for arm in arms]])


def _draw_heads(out: Path, arm: str, report: InitReport) -> None:
    from headstart.reporting import save_figure

    save_figure(report.figure(), _heads(out, arm))


def _heads(out: Path, arm: str) -> Path:
    from headstart.training import arm_folder

    return out / f"heads-{arm_folder(arm)}.png"


def _notes(console: Console, results: dict[str, Any]) -> None:
    if any("hardware" in run for arm in results["arms"] for run in arm["runs"]):
        words = "runs were made on different hardware; results.json has it for each: compare seconds only among equals"
        console.print(words, style="yellow", markup=False, highlight=False, soft_wrap=True)
    for arm in results["arms"]:
        for note in arm["runs"][0]["notes"]:
            console.print(f"{arm['name']}: {note}", style="dim", markup=False, highlight=False)
