"""Start a model of another library and write its weights, for people who train elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from headstart.cli.common import app, friendly, show_paths

__all__ = ["init"]


@app.command()
@friendly
def init(
    name: Annotated[str, typer.Argument(help="A model's name: vit_tiny_patch16_224, vit_b_16, dinov2, …")],
    library: Annotated[str, typer.Option("--library", help="timm, torchvision or transformers.")] = "timm",
    out: Annotated[Path, typer.Option("--out", help="Where the weights go, as safetensors.")] = Path(
        "weights.safetensors"
    ),
    scheme: Annotated[str, typer.Option("--init", help="The initialization.")] = "impulse",
    seed: Annotated[int, typer.Option("--seed", help="Of all random numbers.")] = 0,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="An option of the model, e.g. img_size=32; repeatable."),
    ] = None,
) -> None:
    """Write an initialised state dict of any supported model, and a picture of what its heads look at."""
    import torch

    from headstart.initialization import init_
    from headstart.models.libraries import build_model, parse_options
    from headstart.reporting import save_figure
    from headstart.training.checkpoint import save_weights

    with torch.random.fork_rng(devices=[]):  # the library's own start draws from the global generator
        torch.manual_seed(seed)
        model = build_model(name, library, **parse_options(set_ or []))
    report = init_(model, scheme, generator=torch.Generator().manual_seed(seed))
    out.parent.mkdir(parents=True, exist_ok=True)
    save_weights(out, model)
    picture = save_figure(report.figure(), out.with_suffix(".png"))
    console = Console()
    console.print(str(report), markup=False, highlight=False)
    show_paths(console, [out, picture])
