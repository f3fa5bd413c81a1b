"""Evaluate finished runs: a section for each question, and one JSON document with all the answers."""

from __future__ import annotations

import difflib
import json
import shlex
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headstart.cli.accuracy_section import accuracy_section
from headstart.cli.common import UsageError, command
from headstart.cli.completion import dataset_names
from headstart.cli.evaluate_corruptions import (
    Corruptions,
    Frost,
    Images,
    Published,
    chosen_corruptions,
    corruption_section,
)
from headstart.cli.on_section import on_section
from headstart.cli.speaking import answer, console, print_json, show_paths
from headstart.cli.speed_section import speed_section, ways_to_time
from headstart.errors import HeadstartError, unknown

if TYPE_CHECKING:
    import torch

TIMING = "How --throughput times"

Runs = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN... [DATASET]", help="Folders of `headstart train` or `headstart compare`; then, perhaps, as --on."
    ),
]
On = Annotated[
    str | None,
    typer.Option(
        "--on", metavar="DATASET", help="On another dataset; classes match by name.", autocompletion=dataset_names
    ),
]
Speed = Annotated[bool, typer.Option("--throughput", help="Measure images a second, latency and memory.")]
Device = Annotated[str | None, typer.Option("--device", metavar="cpu|cuda", help="Where to run.")]
Threads = Annotated[int | None, typer.Option("--threads", min=1, metavar="N", help="CPU threads to use.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="For evaluation.json and pictures.")]
Batch = Annotated[str | None, typer.Option("--batch", metavar="1,8,64", help="Batch sizes.", rich_help_panel=TIMING)]
Precision = Annotated[
    str | None, typer.Option("--precision", metavar="A,B", help="float32,bfloat16.", rich_help_panel=TIMING)
]
Compile = Annotated[bool, typer.Option("--compile", help="The compiled model too.", rich_help_panel=TIMING)]
Onnx = Annotated[bool, typer.Option("--onnx", help="The model exported to ONNX too.", rich_help_panel=TIMING)]
Seconds = Annotated[
    float | None,
    typer.Option("--seconds", min=0, metavar="S", help="For each batch size (default: 2).", rich_help_panel=TIMING),
]


@command("headstart evaluate runs/cifar10-impulse --throughput")
def evaluate(
    context: typer.Context,
    runs: Runs,
    on: On = None,
    throughput: Speed = False,
    corruptions: Corruptions = False,
    device: Device = None,
    threads: Threads = None,
    out: Out = None,
    batch: Batch = None,
    precision: Precision = None,
    compile_: Compile = False,
    onnx: Onnx = False,
    seconds: Seconds = None,
    limit: Images = None,
    published: Published = None,
    frost: Frost = None,
) -> None:
    """Check what runs recorded against their weights, count their size, and measure how fast they are."""
    import torch

    from headstart.data.spec import expect_there
    from headstart.training.opening import open_runs

    timed = ways_to_time(throughput, batch, precision, compile_, onnx, seconds)
    corrupted = chosen_corruptions(corruptions, limit, published, frost)
    if threads is not None:
        torch.set_num_threads(threads)
    at = chosen_device(device)
    runs, on = _parted(runs, on)
    if on is not None:
        expect_there(on)
    opened = open_runs(runs)
    # A run's own evaluation lies with it; that of several with none of them.
    out = out or (Path(runs[0]) if len(runs) == 1 else Path("runs/evaluation"))
    shown = answer()
    out.mkdir(parents=True, exist_ok=True)
    document = _about(context, at, runs)
    pictures: list[Path] = []

    # A function for each section: it adds to the document's entry of each run, prints, and returns its pictures.
    wrong = accuracy_section(shown, document, opened, at)
    if on is not None:
        on_section(shown, document, opened, at, on)
    if timed is not None:
        pictures += speed_section(shown, document, opened, at, out, timed)
    if corrupted is not None:
        pictures += corruption_section(shown, document, runs, at, out, corrupted)

    written = out / "evaluation.json"
    written.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    files = show_paths(console(), [written, *pictures])
    print_json({**document, "files": files})
    if wrong:
        raise HeadstartError(
            f"the weights do not give the recorded accuracy: {', '.join(wrong)}; the folder's files or the images "
            "are not those of the run, or the library has changed what the model computes."
        )


def _parted(runs: list[str], on: str | None) -> tuple[list[str], str | None]:
    """The runs, and the dataset: that of ``--on``, or the last of ``runs`` where it is one and no folder of a run.

    Raises :class:`~headstart.errors.HeadstartError` where the last of several is nothing of either kind.
    """
    from headstart.data import dataset_names, spec_name

    *others, last = runs
    if not others or on is not None or any((Path(last) / name).exists() for name in ("config.json", "results.json")):
        return runs, on
    if spec_name(last) not in dataset_names() and not Path(last).exists():
        near = difflib.get_close_matches(last, dataset_names(), n=1)
        meant = (
            f"did you mean {near[0]}?" if near else "expected a dataset by name, a folder of images, or one more run."
        )
        raise HeadstartError(f"there is neither a run nor a dataset {last}: {meant}")
    return others, last


def chosen_device(name: str | None) -> torch.device:
    """The device of that name; the GPU when there is one, unless given."""
    import torch

    if name not in (None, "cpu", "cuda"):
        raise unknown("device", name, ["cpu", "cuda"])
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: PyTorch sees no GPU here; use --device cpu.")
    return torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))


def _about(context: typer.Context, at: torch.device, runs: list[str]) -> dict[str, Any]:
    """Where the numbers come from; each section adds to the entries of ``runs``."""
    from headstart.training.provenance import commit, hardware, versions

    return {
        "command": _command(context, runs),
        "hardware": hardware(),
        "versions": versions(),
        "commit": commit(),
        "date": date.today().isoformat(),
        "device": str(at),
        "runs": [],
    }


def _command(context: typer.Context, runs: list[str]) -> str:
    """What was typed. A place on this machine says nothing to others: of an absolute path the last part has to do."""
    from headstart.data import spec_name

    words = ["headstart", "evaluate"]
    for parameter in context.command.params:
        source = None if parameter.name is None else context.get_parameter_source(parameter.name)
        if parameter.name in (None, "as_json", "quiet") or source is None or source.name != "COMMANDLINE":
            continue
        value = context.params[parameter.name]
        if parameter.param_type_name == "option":
            words.append(parameter.opts[0])
        if not isinstance(value, bool):
            values = value if isinstance(value, (list, tuple)) else [value]
            if parameter.name in ("on", "runs"):
                values = [one if one in runs else spec_name(one) for one in values]
            words += [Path(one).name if Path(str(one)).is_absolute() else str(one) for one in values]
    return shlex.join(words)
