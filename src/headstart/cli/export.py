"""Write a trained model as files for other programs and libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli.common import app, console, friendly, show_paths
from headstart.errors import HeadstartError

Run = Annotated[Path, typer.Argument(metavar="RUN", help="A folder of a finished `headstart train`.")]
Out = Annotated[Path | None, typer.Option("--out", help="The folder to write (default: RUN/export).")]
Safetensors = Annotated[bool, typer.Option("--safetensors", help="One file for headstart.load (the default).")]
Onnx = Annotated[bool, typer.Option("--onnx", help="model.onnx: uint8 images to logits and probabilities.")]
Program = Annotated[bool, typer.Option("--torch-export", help="model.pt2, a program of torch.export.")]
Timm = Annotated[bool, typer.Option("--timm", help="A folder that timm.create_model loads.")]
Transformers = Annotated[bool, typer.Option("--transformers", help="A folder that transformers loads.")]
Images = Annotated[int, typer.Option("--images", min=1, help="Validation images to check each file on.")]
Push = Annotated[str | None, typer.Option("--push", metavar="OWNER/NAME", help="Upload to the Hugging Face hub.")]
Private = Annotated[bool, typer.Option("--private", help="Make the hub's repository a private one.")]


@app.command()
@friendly
def export(
    run: Run,
    out: Out = None,
    safetensors: Safetensors = False,
    onnx: Onnx = False,
    torch_export: Program = False,
    timm: Timm = False,
    transformers: Transformers = False,
    images: Images = 64,
    push: Push = None,
    private: Private = False,
) -> None:
    """Write a finished run's model for other programs, each file checked against the run's own, with a model card."""
    from headstart.training.exporting import TOLERANCE, export
    from headstart.training.hub import need_hub, push_to_hub

    asked = {
        "safetensors": safetensors,
        "onnx": onnx,
        "torch-export": torch_export,
        "timm": timm,
        "transformers": transformers,
    }
    if push is not None:
        need_hub()  # before the work
    elif private:
        raise HeadstartError("--private says how to make a repository on the hub: give --push OWNER/NAME with it.")
    formats = [name for name, wanted in asked.items() if wanted] or ["safetensors"]
    made = export(run, out or run / "export", formats, images=images)
    shown = console()
    for name, gap in made.differences.items():
        words = (
            f"{name}: logits within {gap:.1e} of the run's on {made.images} validation images (at most {TOLERANCE:.0e})"
        )
        shown.print(words, markup=False, highlight=False, soft_wrap=True)
    show_paths(shown, [made.folder / name for name in made.files])
    if push is not None:
        shown.print(f"pushed: {push_to_hub(made.folder, push, made.files, private=private)}", markup=False)
