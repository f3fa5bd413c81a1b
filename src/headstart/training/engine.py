"""The training loop: one function, readable from top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headstart.data import Dataset, Split, augment, batches, normalize
from headstart.initialization import resolve
from headstart.training.build import build_dataset, build_model
from headstart.training.checkpoint import save_weights
from headstart.training.divergence import Diverged
from headstart.training.files import write_json, write_lines
from headstart.training.kept import Kept
from headstart.training.locking import locked
from headstart.training.memory import names_fitting_batch, try_evaluation, try_step
from headstart.training.optimization import adamw
from headstart.training.progress import RunProgress
from headstart.training.recipe import Recipe, config_hash
from headstart.training.run_folder import check, read_json
from headstart.training.start import accelerator_for, start
from headstart.training.state import RunState
from headstart.training.step_back import step_back
from headstart.training.stopping import StopSignals

if TYPE_CHECKING:
    from accelerate import Accelerator
    from accelerate.optimizer import AcceleratedOptimizer
    from rich.console import Console

    from headstart.initialization import InitReport

__all__ = ["accuracy", "train"]


def train(
    recipe: Recipe,
    out: str | Path,
    *,
    dataset: Dataset | None = None,
    console: Console | None = None,
    on_start: Callable[[InitReport], object] | None = None,
    save_every: float = 60.0,
) -> dict[str, Any]:
    """Train one model in the folder ``out`` and return its ``result.json``.

    A finished folder is not trained again; a cut one goes on after its last checkpoint and ends with the same bits
    as an uninterrupted run on the same CPU. A checkpoint is made after each pass, and inside one when ``save_every``
    seconds have gone by since the last. ``dataset`` may be given when it is already loaded; ``on_start`` receives
    what the heads look at before the first step. The test set is used once, after the last pass.

    Raises :class:`~headstart.errors.HeadstartError` for a folder of another config or in use by another process,
    an unknown dataset or scheme, a damaged checkpoint, a loss that is no number or diverges (with the step, the
    learning rate and the last good checkpoint), a full disk, and a batch that does not fit in memory (with the size
    that would). Raises :class:`~headstart.training.stopping.Stopped` when SIGTERM or SIGINT asked to stop: the step
    is finished and saved before.
    """
    out = Path(out)
    config = {**recipe.portable(), "scheme": resolve(recipe.init).spec}
    check(out, config)
    if not (out / "result.json").exists():
        with locked(out):
            if not (out / "result.json").exists():  # finished by another process just now
                _train(recipe, out, config, dataset or build_dataset(recipe), console, on_start, save_every)
    return read_json(out / "result.json")


def _train(
    recipe: Recipe,
    out: Path,
    config: dict[str, Any],
    dataset: Dataset,
    console: Console | None,
    on_start: Callable[[InitReport], object] | None,
    save_every: float,
) -> None:
    accelerator = accelerator_for(recipe.precision)
    dataset = dataset.to(accelerator.device)
    model = build_model(recipe, dataset).to(accelerator.device)
    kept = Kept(out, config_hash(config))
    found = kept.newest()
    if found is None:
        start(model, recipe, dataset, out, config, on_start)
    network = accelerator.prepare_model(model)
    plain_optimizer = adamw(model, recipe)
    optimizer = accelerator.prepare_optimizer(plain_optimizer)
    batch_size = min(recipe.batch_size, len(dataset.train))
    state = RunState({"model": model}, plain_optimizer, recipe, len(dataset.train) // batch_size, accelerator.device)
    if found is None:
        kept.save_pass(state.tensors(), state.meta())
    else:
        state.restore(*found)
        write_lines(out / "history.jsonl", state.history)  # a kill may have come between the two files
    if recipe.compile:
        network.compile()

    def evaluate(split: Split) -> float:
        with names_fitting_batch("eval_batch", recipe.eval_batch, partial(try_evaluation, model, dataset)):
            return accuracy(network, split, dataset, recipe.eval_batch)

    title = f"{recipe.init} seed {recipe.seed}"
    with StopSignals() as signals, RunProgress(console, title, state.steps, state.step) as progress:
        saved = time.monotonic()

        def after_step(loss: Tensor) -> None:
            nonlocal saved
            progress.step(loss, batch_size)
            if signals.asked is None and time.monotonic() - saved < save_every:
                return
            state.check(len(dataset.classes))
            kept.save_inside(state.tensors(), state.meta())
            saved = time.monotonic()
            if signals.asked is not None:
                raise signals.stopped(f"after step {state.step} of {state.steps}, saved in {out}")

        while state.number <= recipe.passes:
            started = time.perf_counter() - state.seconds
            attempt = partial(try_step, model, plain_optimizer, dataset)
            try:
                with names_fitting_batch("batch_size", batch_size, attempt):
                    _one_pass(state, dataset, batch_size, network, accelerator, optimizer, after_step)
                state.check(len(dataset.classes))
            except Diverged as wrong:
                progress.back(step_back(state, kept, wrong), state.step)
                continue
            val_accuracy = evaluate(dataset.val)
            seen = state.done * batch_size
            row = {
                "pass": state.number,
                "train_loss": state.loss_sum.item() / state.done,
                "train_accuracy": state.correct.item() / seen,
                "lr": state.rate(state.step - 1),
                "images_per_second": seen / state.seconds,
                "val_accuracy": val_accuracy,
                "seconds": time.perf_counter() - started,
            }
            state.end_pass(row)
            kept.save_pass(state.tensors(), state.meta())
            write_lines(out / "history.jsonl", state.history)
            saved = time.monotonic()
            progress.passed(row, recipe.passes)
            if signals.asked is not None:
                raise signals.stopped(f"after pass {row['pass']} of {recipe.passes}, saved in {out}")

    save_weights(out / "model.safetensors", model)
    history = state.history
    result = {
        "val_accuracy": history[-1]["val_accuracy"],
        "test_accuracy": evaluate(dataset.test),
        "seconds": sum(row["seconds"] for row in history),
        "images_per_second": len(history) / sum(1 / row["images_per_second"] for row in history),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
    if state.backs:
        result["step_backs"] = state.backs
    write_json(out / "result.json", result)


def _one_pass(
    state: RunState,
    dataset: Dataset,
    batch_size: int,
    network: nn.Module,
    accelerator: Accelerator,
    optimizer: AcceleratedOptimizer,
    after_step: Callable[[Tensor], object],
) -> None:
    """The steps of a pass, or those that are left of it."""
    recipe, before = state.recipe, state.seconds
    network.train()
    started = time.perf_counter()
    images_of_pass = batches(dataset.train, batch_size, generator=state.order, shuffle=True, drop_last=True)
    with state.randomness():
        # Cut inside, a pass has the same order again and goes on behind the batches that were seen.
        for images, labels in islice(images_of_pass, state.done, None):
            for group in optimizer.param_groups:
                group["lr"] = state.rate(state.step)
            images = augment(images, state.augmentation, crop=recipe.crop, flip=recipe.flip)
            logits = network(normalize(images, dataset.mean, dataset.std))
            loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
            accelerator.backward(loss)
            if recipe.clip is not None:
                accelerator.clip_grad_norm_(network.parameters(), recipe.clip)
            optimizer.step()
            optimizer.zero_grad()
            state.count(loss.detach(), (logits.detach().argmax(dim=1) == labels).sum())
            state.seconds = before + time.perf_counter() - started
            after_step(loss.detach())


@torch.inference_mode()
def accuracy(model: nn.Module, split: Split, dataset: Dataset, batch_size: int) -> float:
    """Share of ``split`` that ``model`` classifies rightly, in [0, 1]."""
    model.eval()
    right: list[Tensor] = []
    for images, labels in batches(split, batch_size, shuffle=False, drop_last=False):
        logits = model(normalize(images, dataset.mean, dataset.std))
        right.append((logits.argmax(dim=1) == labels).sum())
    return torch.stack(right).sum().item() / len(split)
