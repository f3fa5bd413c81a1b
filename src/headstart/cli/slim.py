"""Make a trained model faster: students with fewer tokens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from headstart.cli.common import UsageError, command
from headstart.cli.options import Out, SaveEvery, Set
from headstart.cli.speaking import answer, console, print_json, show_paths

__all__ = ["slim"]

T = TypeVar("T", int, float)


@command("headstart slim runs/cifar10-impulse --keep 0.5,0.25")
def slim(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Of `headstart train`: the teacher.")],
    keep: Annotated[
        str, typer.Option("--keep", metavar="A,B", help="Share of the tokens left behind each place.")
    ] = "0.5,0.25",
    after: Annotated[
        str | None, typer.Option("--after", metavar="4,8", help="Blocks before each place (default: even).")
    ] = None,
    against: Annotated[
        str,
        typer.Option("--against", metavar="A,B", help="Train random,topk,pool,logits,labels,scratch too."),
    ] = "",
    distill: Annotated[str, typer.Option("--distill", metavar="HOW", help="frd, logits or none.")] = "frd",
    seeds: Annotated[int, typer.Option("--seeds", min=1, metavar="N", help="Students of each kind.")] = 1,
    passes: Annotated[int | None, typer.Option("--passes", min=1, metavar="N", help="Default: the teacher's.")] = None,
    lr: Annotated[float | None, typer.Option("--lr", metavar="X", help="Default: half of the teacher's.")] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, metavar="N", help="Images in a timed forward pass.")] = 64,
    out: Out = None,
    save_every: SaveEvery = 60.0,
    set_: Set = None,
) -> None:
    """Slim a trained ViT: its later blocks see fewer tokens, learned from the run itself; table and picture."""
    from headstart.cli.report import report_of_finished
    from headstart.leading import leading
    from headstart.reporting.slim import draw_slim, slim_table
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
    pictures = [draw_slim(results, out / "slim.png"), report_of_finished(out, shown)]
    answer().print(slim_table(results))
    files = show_paths(shown, [out / "slim/seed-0/model.safetensors", out / "results.json", *pictures])
    print_json({"folder": str(out), **results, "files": files})


def _numbers(text: str, kind: Callable[[str], T], example: str) -> list[T]:
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"expected numbers with commas between, such as {example}, got {text!r}.") from None
