"""The training loop: one function, readable from top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from headstart.data import Dataset, Split
from headstart.data.fetching import fetch, fits
from headstart.evaluation import cost
from headstart.initialization import resolve
from headstart.training.build import arranged, build_dataset, whole
from headstart.training.checkpoint import save_weights
from headstart.training.divergence import Diverged
from headstart.training.feed import Feed
from headstart.training.files import write_json, write_lines
from headstart.training.kept import Kept
from headstart.training.locking import locked
from headstart.training.memory import names_fitting_batch, try_evaluation, try_step
from headstart.training.one_pass import one_pass
from headstart.training.optimization import optimizers
from headstart.training.processes import Processes
from headstart.training.progress import RunProgress
from headstart.training.recipe import Recipe, config_hash
from headstart.training.run_folder import check, read_json
from headstart.training.saving import Saving
from headstart.training.start import start
from headstart.training.state import RunState
from headstart.training.step import TrainingStep
from headstart.training.step_back import step_back
from headstart.training.stopping import StopSignals
from headstart.training.tracking import Tracking, check_trackers, tracking
from headstart.training.trainee import build_trainee
from headstart.training.watching import Watch

if TYPE_CHECKING:
    from rich.console import Console

    from headstart.initialization import InitReport

__all__ = ["accuracy", "train"]


def train(
    recipe: Recipe,
    out: str | Path,
    *,
    dataset: Dataset | None = None,
    console: Console | None = None,
    on_data: Callable[[Dataset], object] | None = None,
    on_start: Callable[[InitReport], object] | None = None,
    save_every: float = 60.0,
    track: Sequence[str] = (),
    resident: bool | None = None,
    watch: bool = False,
) -> dict[str, Any]:
    """Train one model in the folder ``out`` and return its ``result.json``.

    A finished folder is not trained again; a cut one goes on after its last checkpoint and ends with the same bits
    as an uninterrupted run on the same CPU. A checkpoint is made after each pass, and inside one when ``save_every``
    seconds have gone by since the last. ``dataset`` may be given when it is already loaded; ``on_start`` receives
    what the heads look at before the first step. The test set is used once, after the last pass.

    Under ``torchrun`` the processes share each batch; they all need to see the folder, which the first one writes.

    Args:
        recipe: what to train, and how.
        out: the run's folder.
        dataset: the recipe's data, when it is already loaded.
        console: where progress is shown; silent without.
        on_data: receives the data, before they are trained on or gone on with.
        on_start: receives what each head looks at before the first step.
        save_every: seconds between checkpoints inside a pass.
        track: of ``tensorboard``, ``wandb``, ``trackio`` and ``mlflow`` those that the numbers go to as well.
        resident: whether the images are to lie on the device; by its memory unless given. The results are the same.
        watch: write how local each head is after each pass, to ``locality.jsonl``; a model without heads has none.

    Raises :class:`~headstart.errors.HeadstartError` for a folder of another config or in use by another process,
    an unknown dataset or scheme, a dataset without an image in one of its parts, a damaged checkpoint, a loss that is
    no number or diverges (with the step, the learning rate and the last good checkpoint), a full disk, and a batch
    that does not fit in memory (with the size that would). Raises
    :class:`~headstart.training.stopping.Stopped` when SIGTERM or SIGINT asked to stop: the step is finished and saved
    before.
    """
    out = Path(out)
    config = {**recipe.portable(), "scheme": resolve(recipe.init).spec}
    check(out, config)
    check_trackers(track)
    processes = Processes(recipe.precision)
    if not processes.largest((out / "result.json").exists())[0]:
        with locked(out) if processes.first else nullcontext():
            if not processes.largest((out / "result.json").exists())[0]:  # finished by another process just now
                loaded = build_dataset(recipe) if dataset is None else arranged(whole(dataset), recipe)
                if on_data is not None:
                    on_data(loaded)
                if fits(loaded, processes.device) if resident is None else resident:
                    loaded = loaded.to(processes.device)
                shown = console if processes.first else None
                with tracking(track if processes.first else (), _title(recipe), out, config) as tracked:
                    _train(recipe, out, config, loaded, processes, shown, on_start, save_every, tracked, watch)
        processes.wait()
    return read_json(out / "result.json")


def _title(recipe: Recipe) -> str:
    model = "" if recipe.model == Recipe.model_fields["model"].default else f"@{recipe.model}"
    return f"{'+'.join([recipe.init + model, *recipe.methods])} seed {recipe.seed}"


def _train(
    recipe: Recipe,
    out: Path,
    config: dict[str, Any],
    dataset: Dataset,
    processes: Processes,
    console: Console | None,
    on_start: Callable[[InitReport], object] | None,
    save_every: float,
    tracked: Tracking,
    watch: bool,
) -> None:
    trainee = build_trainee(recipe, dataset).to(processes.device)
    model = trainee.model
    if console is not None:
        for line in trainee.costs:
            console.print(line, highlight=False, markup=False)
    feed = Feed(recipe, dataset, processes, trainee.depth, trainee.draws)
    kept = Kept(out, config_hash(config))
    found = kept.newest()
    if found is None:
        start(model, recipe, dataset, out, config, on_start, write=processes.first)
    trained = optimizers([model, trainee.methods], recipe, recorded=processes.records(recipe))
    state = RunState(model, trained, recipe, feed.steps_per_pass, processes, trainee.methods)
    if found is not None:
        state.restore(*found)
    watched = Watch(out, recipe, dataset) if watch and processes.first else None
    if processes.first:
        if found is None:
            if watched is not None:
                watched.look(0, state.final)
            kept.save_pass(state.tensors(), state.meta())
        else:
            write_lines(out / "history.jsonl", state.history)  # a kill may have come between the two files
    trainee.update(1.0)
    size = cost(model, dataset.train.image_shape)  # of what is kept; a compiled model can't be counted
    network = processes.prepare(trainee)
    if recipe.compile:
        trainee.compile()
        state.final.compile()  # what is evaluated
    taken = TrainingStep(state, trainee, network, processes)
    final = processes.prepare_evaluation(state.final)
    piece = len(feed.pieces[0])
    pieces = feed.batch_size // piece

    def evaluate(split: Split) -> float:
        with names_fitting_batch("eval_batch", recipe.eval_batch, partial(try_evaluation, model, dataset)):
            return accuracy(final, split, dataset, recipe.eval_batch, processes)

    with StopSignals() as signals, RunProgress(console, _title(recipe), state.steps, state.step) as progress:
        saving = Saving(processes, signals, save_every)

        def after_step(loss: Tensor) -> None:
            progress.step(loss, feed.batch_size)
            if not saving.due(state.step):
                return
            state.gather()
            state.check(len(dataset.classes))
            if processes.first:
                kept.save_inside(state.tensors(), state.meta())
            saving.done()
            saving.stop_if_asked(f"after step {state.step} of {state.steps}, saved in {out}")

        while state.number <= recipe.passes:
            started = time.perf_counter() - state.seconds
            attempt = partial(try_step, model, state.optimizers, dataset)
            try:
                with names_fitting_batch("batch_size", piece, attempt, pieces=pieces, accumulate=recipe.accumulate):
                    one_pass(state, feed, taken, after_step)
                state.gather()
                state.check(len(dataset.classes))
            except Diverged as wrong:
                progress.back(step_back(state, kept, wrong), state.step)
                taken.forget()
                continue
            state.catch_up(trainee)
            validated = {"val_accuracy": evaluate(dataset.val)} if recipe.validates(state.number) else {}
            seen = state.done * feed.batch_size
            row = {
                "pass": state.number,
                "train_loss": state.losses.mean().item(),
                "train_accuracy": state.correct.item() / seen,
                "lr": state.rate(state.step - 1),
                "images_per_second": seen / state.seconds,
                **validated,
                "seconds": time.perf_counter() - started,
            }
            if watched is not None:
                watched.look(state.number, state.final)
            state.end_pass(row)
            if processes.first:
                kept.save_pass(state.tensors(), state.meta())
                write_lines(out / "history.jsonl", state.history)
            saving.done()
            tracked.log(row, state.step)
            progress.passed(row, recipe.passes)
            saving.agree()
            saving.stop_if_asked(f"after pass {row['pass']} of {recipe.passes}, saved in {out}")

    state.catch_up(trainee)  # the last pass may have been cut after its end
    history = state.history
    result = {
        "val_accuracy": history[-1]["val_accuracy"],
        "test_accuracy": evaluate(dataset.test),
        "seconds": sum(row["seconds"] for row in history),
        "images_per_second": len(history) / sum(1 / row["images_per_second"] for row in history),
        "parameters": size.parameters,
        "flops": size.flops,
    }
    if state.backs:
        result["step_backs"] = state.backs
    tracked.log(result, state.step)
    if trainee.costs:
        result["costs"] = trainee.costs
    if processes.first:
        save_weights(out / "model.safetensors", state.final)
        write_json(out / "result.json", result)


@torch.inference_mode()
def accuracy(
    model: nn.Module, split: Split, dataset: Dataset, batch_size: int, processes: Processes | None = None
) -> float:
    """Share of ``split`` that ``model`` classifies rightly, in [0, 1]; each of ``processes`` looks at its share."""
    model.eval()
    device = next(model.parameters()).device
    rows = [slice(first, first + batch_size) for first in range(0, len(split), batch_size)]
    if processes is not None:
        rows = rows[processes.rank :: processes.count]
    right = torch.zeros((), dtype=torch.int64, device=device)
    for images, labels in fetch(split, rows, device):
        logits = model(dataset.seen(images))
        right += (logits.argmax(dim=1) == labels).sum()
    return (right if processes is None else processes.sum(right)).item() / len(split)
