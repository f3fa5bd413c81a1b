"""A finished run as files that others can use, each checked against the run's own model on real images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from headstart.errors import HeadstartError, first_line, unknown
from headstart.evaluation.onnx_session import need_onnx
from headstart.training.calibrating import calibrated
from headstart.training.exported import NAME, save_exported
from headstart.training.files import write_atomically
from headstart.training.for_timm import need_timm, read_timm, save_timm
from headstart.training.for_transformers import need_transformers, read_transformers, save_transformers
from headstart.training.graphs import read_onnx, read_program, save_onnx, save_program
from headstart.training.inspection import load_run
from headstart.training.model_card import model_card
from headstart.training.predicting import Predictor, load
from headstart.training.run_folder import read_json

__all__ = ["FORMATS", "TOLERANCE", "Exported", "export"]

TOLERANCE = 1e-4  # largest difference of a logit
Logits = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Exported:
    """What :func:`export` made.

    Args:
        folder: where it lies.
        files: names in it, the model card among them.
        differences: largest difference of a logit from the run's own model, for each format.
        images: validation images that they were compared on.
    """

    folder: Path
    files: tuple[str, ...]
    differences: dict[str, float]
    images: int


def _save_own(folder: Path, predictor: Predictor) -> list[Path]:
    save_exported(folder / NAME, predictor.recipe, predictor.facts, predictor.stored)
    return [folder / NAME]


def _save_onnx(folder: Path, predictor: Predictor) -> list[Path]:
    save_onnx(folder / "model.onnx", predictor)
    return [folder / "model.onnx"]


def _save_program(folder: Path, predictor: Predictor) -> list[Path]:
    save_program(folder / "model.pt2", predictor)
    return [folder / "model.pt2"]


@dataclass(frozen=True)
class _Format:
    save: Callable[[Path, Predictor], list[Path]]
    read: Callable[[Path], Logits]  # from the folder to a function from uint8 images to logits
    need: Callable[[], None] = lambda: None


FORMATS: dict[str, _Format] = {
    "safetensors": _Format(_save_own, lambda folder: load(folder / NAME).logits),
    "onnx": _Format(_save_onnx, lambda folder: read_onnx(folder / "model.onnx"), need_onnx),
    "torch-export": _Format(_save_program, lambda folder: read_program(folder / "model.pt2")),
    "timm": _Format(save_timm, read_timm, need_timm),
    "transformers": _Format(save_transformers, read_transformers, need_transformers),
}


def export(
    run: str | Path, out: str | Path, formats: Sequence[str] = ("safetensors",), *, images: int = 64
) -> Exported:
    """Write a finished run's model to the folder ``out``, with a model card (``README.md``).

    Each file is read again by the library it is for, and its logits are compared with those of the run's own model on
    ``images`` validation images, in batches of one, of seven and of all the rest. Classes, preprocessing and the
    temperature of the probabilities are in each of them (timm and transformers have no place for the last).

    Args:
        run: a folder of ``headstart train``, or one arm's seed folder.
        out: the folder to write; what it holds besides is left alone.
        formats: of ``safetensors`` (for :func:`headstart.load`), ``onnx``, ``torch-export``, ``timm`` and
            ``transformers``. The last two want files of the same names, so they go to different folders.
        images: how many validation images to compare on.

    Raises:
        HeadstartError: for a run that is none or not finished, a package that is missing (naming the extra), a model
            that a format has no place for, and a file whose logits differ by more than 10⁻⁴; that file is removed.
    """
    chosen = list(dict.fromkeys(formats))
    for name in chosen:
        if name not in FORMATS:
            raise unknown("export format", name, FORMATS)
    if not chosen or images < 1:
        raise HeadstartError(f"expected one or more of {', '.join(FORMATS)}, and one image or more to compare on.")
    if {"timm", "transformers"} <= set(chosen):
        raise HeadstartError(
            "timm and transformers both want a config.json and a model.safetensors; export each to a folder of its own."
        )
    for name in chosen:
        FORMATS[name].need()
    folder, out = Path(run), Path(out)
    if (out / "result.json").exists() or (out / "checkpoint.safetensors").exists():
        raise HeadstartError(f"--out {out} is a run folder, whose files would be overwritten; choose another.")
    opened = load_run(folder)
    if not opened.finished:
        raise HeadstartError(f"{folder} is not finished; train it to the end, then export it.")
    predictor = Predictor(opened.recipe, calibrated(opened, folder), opened.model)
    pictures = opened.pictures(images)
    out.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    differences: dict[str, float] = {}
    for name in chosen:
        files += _saved(name, out, predictor)
        differences[name] = _compared(name, out, files, predictor, pictures)
    card = model_card(opened, predictor.facts, read_json(folder / "result.json"), differences, len(pictures))
    write_atomically(out / "README.md", card.encode())
    return Exported(out, tuple(sorted({file.name for file in files} | {"README.md"})), differences, len(pictures))


def _saved(name: str, out: Path, predictor: Predictor) -> list[Path]:
    try:
        return FORMATS[name].save(out, predictor)
    except ImportError as error:  # a library that is there and can't be imported
        reason = first_line(error)
        raise HeadstartError(
            f"a library that the export for {name} needs can't be imported: {reason} Often torchvision is one for "
            'another PyTorch (python -c "import torchvision" says so); install the two together.'
        ) from error


def _compared(name: str, out: Path, files: list[Path], predictor: Predictor, pictures: Tensor) -> float:
    """The largest difference of a logit; files that differ by too much do not stay."""
    parts = [part for part in (pictures[:1], pictures[1:8], pictures[8:]) if len(part)]
    try:
        logits = FORMATS[name].read(out)
        gap = max(float((logits(part) - predictor.logits(part)).abs().max()) for part in parts)
    except Exception as error:  # what another library, perhaps an old one, makes of the file
        _remove(files)
        reason = first_line(error)
        raise HeadstartError(
            f"the model exported for {name} can't be read again: {type(error).__name__}: {reason} The export is "
            'removed; a newer version may help, pip install -U "headstart[timm,transformers,onnx]".'
        ) from error
    if not gap <= TOLERANCE:  # also for no number
        _remove(files)
        raise HeadstartError(
            f"the model exported for {name} gives other logits than the run's: they differ by up to {gap:.1e}, at most "
            f"{TOLERANCE:.0e} was expected; the export is removed. Please report the recipe: "
            f"{predictor.recipe.model}, {', '.join(predictor.recipe.methods) or 'no method'}."
        )
    return gap


def _remove(files: list[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
