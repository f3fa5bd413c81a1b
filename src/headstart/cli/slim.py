"""Make a trained model faster: students with fewer tokens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from headstart.cli.common import app, console, friendly, show_paths
from headstart.cli.options import Out, SaveEvery, Set
from headstart.errors import HeadstartError

__all__ = ["slim"]

T = TypeVar("T", int, float)


@app.command()
@friendly
def slim(
    run: Annotated[Path, typer.Argument(help="A folder that `headstart train` wrote: the teacher.")],
    keep: Annotated[
        str, typer.Option("--keep", help="Share of the tokens left behind each place: 0.5,0.25.")
    ] = "0.5,0.25",
    after: Annotated[
        str | None, typer.Option("--after", help="Blocks before each place: 4,8 (default: evenly split).")
    ] = None,
    against: Annotated[
        str, typer.Option("--against", help="Also train random,topk,pool (as fast as it), logits,labels,scratch.")
    ] = "",
    passes: Annotated[int | None, typer.Option("--passes", min=1, help="Passes (default: the teacher's).")] = None,
    lr: Annotated[float | None, typer.Option("--lr", help="Learning rate (default: half of the teacher's).")] = None,
    distill: Annotated[str, typer.Option("--distill", help="frd, logits or none.")] = "frd",
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Students of each kind.")] = 1,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Images in a timed forward pass.")] = 64,
    out: Out = None,
    save_every: SaveEvery = 60.0,
    set_: Set = None,
) -> None:
    """Slim a trained ViT: its later blocks see fewer tokens, learned from the run itself; table and picture."""
    from headstart.reporting.slim import draw_slim, slim_table
    from headstart.training.processes import leading
    from headstart.training.slim_plan import plan_slimming
    from headstart.training.slim_results import slim_results
    from headstart.training.slimming import slim

    out = out or run.parent / f"{run.name}-slim"
    shown = console()
    plan = plan_slimming(
        run,
        _numbers(keep, float, "--keep 0.5,0.25"),
        out,
        after=None if after is None else _numbers(after, int, "--after 4,8"),
        against=[name.strip() for name in against.split(",") if name.strip()],
        passes=passes,
        lr=lr,
        distill=distill,
        seeds=list(range(seeds)),
        changes=set_ or [],
        batch_size=batch,
    )
    results = slim_results(plan, slim(plan, console=shown, save_every=save_every))
    if not leading():
        return
    picture = draw_slim(results, out / "slim.png")
    shown.print(slim_table(results))
    show_paths(shown, [out / "slim/seed-0/model.safetensors", out / "results.json", picture])


def _numbers(text: str, kind: Callable[[str], T], example: str) -> list[T]:
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise HeadstartError(f"expected numbers with commas between, such as {example}, got {text!r}.") from None
