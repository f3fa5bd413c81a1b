"""Train, compare, look: the commands that make and read run folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from headstart.cli.common import app, friendly, show_paths

if TYPE_CHECKING:
    from headstart.training import Recipe

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
) -> None:
    """Train each initialization with each seed on the same images in the same order; table, curves, heads."""
    fewer = {"limit": limit, "per_class": per_class, "fraction": fraction}
    chosen = _recipe(dataset, recipe, fewer, set_)
    arms = [arm.strip() for arm in init.split(",")]
    out = out or Path(f"runs/compare-{chosen.dataset_name}")
    _compare(chosen, arms, list(range(seed, seed + seeds)), out, save_every)


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


def _compare(recipe: Recipe, arms: list[str], seeds: list[int], out: Path, save_every: float = 60.0) -> None:
    from headstart.reporting import draw_curves, rich_table, save_figure
    from headstart.training import arm_folder, compare

    console = Console()

    def picture(arm: str) -> Path:
        return out / f"heads-{arm_folder(arm)}.png"

    results = compare(
        recipe,
        arms,
        seeds,
        out,
        console=console,
        on_start=lambda arm, report: save_figure(report.figure(), picture(arm)),
        save_every=save_every,
    )
    curves = draw_curves(results, out / "curves.png")
    _notes(console, results)
    console.print(rich_table(results))
    show_paths(console, [out / "results.json", curves, *map(picture, arms)])


def _notes(console: Console, results: dict[str, Any]) -> None:
    for arm in results["arms"]:
        for note in arm["runs"][0]["notes"]:
            console.print(f"{arm['name']}: {note}", style="dim", markup=False, highlight=False)
