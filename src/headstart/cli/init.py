"""Start a model of another library and write its weights, for people who train elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli.common import command
from headstart.cli.completion import scheme_names
from headstart.cli.speaking import answer, console, print_json, show_paths

__all__ = ["init"]


@command("headstart init vit_tiny_patch16_224 --set img_size=32")
def init(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="Its name: vit_tiny_patch16_224, vit_b_16, dinov2, …")],
    library: Annotated[
        str, typer.Option("--library", metavar="NAME", help="timm, torchvision or transformers.")
    ] = "timm",
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the weights go.")] = Path(
        "weights.safetensors"
    ),
    scheme: Annotated[
        str,
        typer.Option("--init", metavar="SCHEME", help="default, mimetic, impulse …", autocompletion=scheme_names),
    ] = "impulse",
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of all random numbers.")] = 0,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="An option of the model, e.g. img_size=32; repeatable."),
    ] = None,
) -> None:
    """Write an initialised state dict of any supported model, and a picture of what its heads look at."""
    import torch

    from headstart.initialization import init_
    from headstart.models.libraries import build_model, parse_options
    from headstart.reporting import draw_heads
    from headstart.training.checkpoint import save_weights

    with torch.random.fork_rng(devices=[]):  # the library's own start draws from the global generator
        torch.manual_seed(seed)
        model = build_model(name, library, **parse_options(set_ or []))
    report = init_(model, scheme, generator=torch.Generator().manual_seed(seed))
    out.parent.mkdir(parents=True, exist_ok=True)
    save_weights(out, model)
    picture = draw_heads(report, out.with_suffix(".png"))
    console().print(str(report), markup=False, highlight=False)
    files = show_paths(answer(), [out, picture])
    print_json({"model": name, "library": library, "init": scheme, "seed": seed, "files": files, **report.to_dict()})
