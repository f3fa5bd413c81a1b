"""Write a trained model as files for other programs and libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli.common import UsageError, command
from headstart.cli.speaking import answer, console, print_json, show_paths

FORMATS, HUB = "Formats", "Hugging Face hub"

Run = Annotated[Path, typer.Argument(metavar="RUN", help="A folder of a finished `headstart train`.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Where to write (default: RUN/export).")]
Safetensors = Annotated[
    bool, typer.Option("--safetensors", help="For headstart.load; the default.", rich_help_panel=FORMATS)
]
Onnx = Annotated[bool, typer.Option("--onnx", help="uint8 images to probabilities.", rich_help_panel=FORMATS)]
Program = Annotated[bool, typer.Option("--torch-export", help="A program of torch.export.", rich_help_panel=FORMATS)]
Timm = Annotated[bool, typer.Option("--timm", help="For timm.create_model.", rich_help_panel=FORMATS)]
Transformers = Annotated[
    bool, typer.Option("--transformers", help="A folder that transformers loads.", rich_help_panel=FORMATS)
]
Images = Annotated[int, typer.Option("--images", min=1, metavar="N", help="Validation images to check each file on.")]
Push = Annotated[str | None, typer.Option("--push", metavar="OWNER/NAME", help="Upload it.", rich_help_panel=HUB)]
Private = Annotated[bool, typer.Option("--private", help="To a private repository.", rich_help_panel=HUB)]


@command("headstart export runs/cifar10-impulse --onnx")
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
        raise UsageError("--private says how to make a repository on the hub: give --push OWNER/NAME with it.")
    formats = [name for name, wanted in asked.items() if wanted] or ["safetensors"]
    made = export(run, out or run / "export", formats, images=images)
    shown = answer()
    for name, gap in made.differences.items():
        words = (
            f"{name}: logits within {gap:.1e} of the run's on {made.images} validation images (at most {TOLERANCE:.0e})"
        )
        console().print(words, markup=False, highlight=False, soft_wrap=True)
    files = show_paths(shown, [made.folder / name for name in made.files])
    document = {"folder": str(made.folder), "files": files, "differences": made.differences, "images": made.images}
    if push is not None:
        document["pushed"] = push_to_hub(made.folder, push, made.files, private=private)
        shown.print(f"pushed: {document['pushed']}", markup=False, highlight=False, soft_wrap=True)
    print_json(document)
