"""The training loop: one function, readable from top to bottom."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headstart.data import Dataset, Split, augment, batches, normalize
from headstart.errors import HeadstartError
from headstart.initialization import measure, resolve
from headstart.training.build import build_dataset, build_model, initialize, sample_images
from headstart.training.checkpoint import (
    load_checkpoint,
    save_checkpoint,
    save_weights,
    write_json,
    write_lines,
)
from headstart.training.optimization import adamw, learning_rate
from headstart.training.progress import RunProgress
from headstart.training.recipe import Recipe
from headstart.training.run_folder import check, claim, read_json
from headstart.training.seeds import generator, seeded

if TYPE_CHECKING:
    from accelerate import Accelerator
    from rich.console import Console

    from headstart.initialization import InitReport

__all__ = ["accuracy", "train"]

MEASURED_IMAGES = 64  # validation images on which the heads are measured before training


def train(
    recipe: Recipe,
    out: str | Path,
    *,
    dataset: Dataset | None = None,
    console: Console | None = None,
    on_start: Callable[[InitReport], object] | None = None,
) -> dict[str, Any]:
    """Train one model in the folder ``out`` and return its ``result.json``.

    A finished folder is not trained again; a cut one goes on after its last finished pass and ends with the
    same bits as an uninterrupted run on the same CPU. ``dataset`` may be given when it is already loaded;
    ``on_start`` receives what the heads look at before the first step. The test set is used once, after the
    last pass.

    Raises :class:`~headstart.errors.HeadstartError` for a folder of another config, an unknown dataset or
    scheme, and a loss that is no longer finite.
    """
    out = Path(out)
    config = {**recipe.portable(), "scheme": resolve(recipe.init).spec}
    check(out, config)
    if (out / "result.json").exists():
        return read_json(out / "result.json")
    accelerator = _accelerator(recipe.precision)
    device = accelerator.device
    dataset = (dataset or build_dataset(recipe)).to(device)
    model = build_model(recipe, dataset).to(device)
    checkpoint = out / "checkpoint.safetensors"
    if not checkpoint.exists():
        _start(model, recipe, dataset, out, config, on_start)
    network = accelerator.prepare_model(model)
    plain_optimizer = adamw(model, recipe)
    optimizer = accelerator.prepare_optimizer(plain_optimizer)
    history = load_checkpoint(checkpoint, model, plain_optimizer)["history"] if checkpoint.exists() else []
    if recipe.compile:
        network.compile()

    batch_size = min(recipe.batch_size, len(dataset.train))
    steps_per_pass = len(dataset.train) // batch_size
    steps, step = recipe.passes * steps_per_pass, len(history) * steps_per_pass
    with RunProgress(console, f"{recipe.init} seed {recipe.seed}", steps, step) as progress:
        for number in range(len(history) + 1, recipe.passes + 1):
            started = time.perf_counter()
            network.train()
            order = generator(recipe.seed, "order", number)
            changes = generator(recipe.seed, "augmentation", number, device)
            images_of_pass = batches(dataset.train, batch_size, generator=order, shuffle=True, drop_last=True)
            loss_sum, correct = torch.zeros((), device=device), torch.zeros((), device=device)
            with seeded(recipe.seed, "stochastic depth", number):
                for images, labels in images_of_pass:
                    rate = learning_rate(step, steps, recipe)
                    for group in optimizer.param_groups:
                        group["lr"] = rate
                    images = augment(images, changes, crop=recipe.crop, flip=recipe.flip)
                    logits = network(normalize(images, dataset.mean, dataset.std))
                    loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
                    accelerator.backward(loss)
                    if recipe.clip is not None:
                        accelerator.clip_grad_norm_(model.parameters(), recipe.clip)
                    optimizer.step()
                    optimizer.zero_grad()
                    # Sums stay on the device: reading one here would make the host wait at every step.
                    loss_sum += loss.detach()
                    correct += (logits.detach().argmax(dim=1) == labels).sum()
                    step += 1
                    progress.step(loss.detach(), batch_size)
            train_loss = loss_sum.item() / steps_per_pass
            if not math.isfinite(train_loss):
                raise HeadstartError(
                    f"the training loss of pass {number} is {train_loss} (learning rate {rate:.2g}); "
                    f"try --set lr={recipe.lr / 3:.1g} with another --out."
                )
            seen = steps_per_pass * batch_size
            row = {
                "pass": number,
                "train_loss": train_loss,
                "train_accuracy": correct.item() / seen,
                "lr": rate,
                "images_per_second": seen / (time.perf_counter() - started),
                "val_accuracy": accuracy(network, dataset.val, dataset, recipe.eval_batch),
                "seconds": time.perf_counter() - started,
            }
            history.append(row)
            save_checkpoint(checkpoint, model, plain_optimizer, {"history": history})
            write_lines(out / "history.jsonl", history)
            progress.passed(row, recipe.passes)

    save_weights(out / "model.safetensors", model)
    result = {
        "val_accuracy": history[-1]["val_accuracy"],
        "test_accuracy": accuracy(network, dataset.test, dataset, recipe.eval_batch),
        "seconds": sum(row["seconds"] for row in history),
        "images_per_second": len(history) / sum(1 / row["images_per_second"] for row in history),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
    write_json(out / "result.json", result)
    return result


@torch.inference_mode()
def accuracy(model: nn.Module, split: Split, dataset: Dataset, batch_size: int) -> float:
    """Share of ``split`` that ``model`` classifies rightly, in [0, 1]."""
    model.eval()
    right: list[Tensor] = []
    for images, labels in batches(split, batch_size, shuffle=False, drop_last=False):
        logits = model(normalize(images, dataset.mean, dataset.std))
        right.append((logits.argmax(dim=1) == labels).sum())
    return torch.stack(right).sum().item() / len(split)


def _start(
    model: nn.Module,
    recipe: Recipe,
    dataset: Dataset,
    out: Path,
    config: dict[str, Any],
    on_start: Callable[[InitReport], object] | None,
) -> None:
    """Initialize, take the folder, and write down what each head looks at before the first step."""
    report = initialize(model, recipe, dataset)
    seen = sample_images(dataset.val, MEASURED_IMAGES, recipe.split_seed)
    measured = measure(model, normalize(seen, dataset.mean, dataset.std))
    measured.scheme = report.scheme
    claim(out, config, dataset=recipe.dataset)  # only now: a scheme that does not fit leaves nothing behind
    if on_start is not None:
        on_start(measured)
    write_json(
        out / "init.json",
        {"notes": report.notes, "report": report.to_dict(), "on_images": measured.to_dict()},
    )


def _accelerator(precision: str) -> Accelerator:
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    cuda = torch.cuda.is_available()
    if precision == "bfloat16" and not cuda:
        raise HeadstartError("precision 'bfloat16' needs a CUDA GPU; use --set precision=auto or float32 here.")
    mixed = "bf16" if precision == "bfloat16" or (precision == "auto" and cuda) else "no"
    # Accelerate keeps one precision per process; a comparison may come after a run of another.
    AcceleratorState._reset_state()
    return Accelerator(mixed_precision=mixed, cpu=not cuda)
