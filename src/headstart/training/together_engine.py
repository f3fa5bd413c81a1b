"""The training loop of many runs at once: that of :mod:`headstart.training.engine`, with a leading axis.

Shapes: ``M`` runs, ``B`` images of a batch, ``K`` classes.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from headstart.data import Dataset
from headstart.data.fetching import fits
from headstart.errors import HeadstartError
from headstart.evaluation import cost
from headstart.initialization import resolve
from headstart.training.checkpoint import of_module, save_weights
from headstart.training.divergence import Diverged
from headstart.training.feed import Feed
from headstart.training.files import write_json, write_lines
from headstart.training.kept import Kept
from headstart.training.memory import names_fitting_runs
from headstart.training.optimization import optimizers
from headstart.training.processes import Processes
from headstart.training.progress import RunProgress
from headstart.training.recipe import Recipe, config_hash
from headstart.training.run_folder import claim
from headstart.training.saving import Saving
from headstart.training.stacked import Stacked
from headstart.training.start import start
from headstart.training.state import RunState
from headstart.training.stopping import StopSignals
from headstart.training.together_step import accuracies, cross_entropies, stack_parts, try_runs
from headstart.training.trainee import Trainee, build_trainee

if TYPE_CHECKING:
    from rich.console import Console

    from headstart.initialization import InitReport

__all__ = ["train_together"]

Member = tuple[Recipe, Path, "Callable[[InitReport], object]"]  # recipe, run folder, who gets the first report


def train_together(
    members: Sequence[Member],
    dataset: Dataset,
    out: Path,
    config: dict[str, Any],
    *,
    console: Console | None = None,
    save_every: float = 60.0,
) -> None:
    """Train runs that differ in ``init`` and ``seed`` alone, in one batched program; each ends in its own folder.

    Each folder gets what :func:`~headstart.training.train` writes at the end (``config.json``, ``init.json``,
    ``history.jsonl``, ``model.safetensors``, ``result.json``); checkpoints of all runs lie in ``out``, and are made
    when ``save_every`` seconds have gone by. ``seconds`` of a run is its share, the time of all divided by M;
    ``images_per_second`` counts the images of all.

    Raises as :class:`~headstart.training.together.Together` says.
    """
    recipe = members[0][0]
    processes = Processes(recipe.precision)
    if processes.count > 1:
        raise HeadstartError("runs at once train in one process; leave --together out under torchrun.")
    if recipe.step_back:
        raise HeadstartError("runs at once can't step back one by one; use --set step_back=0, or leave --together out.")
    device = processes.device
    dataset = dataset.to(device) if fits(dataset, device) else dataset
    kept = Kept(out, config_hash(config))
    found = kept.newest()
    models, trainees = [], []
    for one, folder, on_start in members:
        trainee = build_trainee(one, dataset).to(device)
        if changing := [method.name for method in trainee.each if method.augments]:
            raise HeadstartError(
                f"images can't be changed by a method in runs at once ({', '.join(changing)}); leave --together out."
            )
        if any(method.has_loss for method in trainee.each):
            named = ", ".join(method.name for method in trainee.each if method.has_loss)
            raise HeadstartError(f"a loss of its own can't be had by runs at once ({named}); leave --together out.")
        model = trainee.model
        trainees.append(trainee)
        if found is None:
            start(model, one, dataset, folder, {**one.portable(), "scheme": resolve(one.init).spec}, on_start)
        models.append(model)
    claim(out, config)
    # Arms at equal seed see the same images: one feed serves them all.
    feeds = {one.seed: Feed(one, dataset, processes, trainees[0].depth) for one, _, _ in members}
    which = torch.tensor([list(feeds).index(one.seed) for one, _, _ in members], device=device)
    steps_per_pass, batch_size = (feeds[recipe.seed].steps_per_pass, feeds[recipe.seed].batch_size)
    stacked, joint = Stacked(models), optimizers(models, recipe)
    states = [
        RunState(m, joint, one, steps_per_pass, processes) for m, (one, _, _) in zip(models, members, strict=True)
    ]
    first = states[0]
    if found is not None:
        path, tensors, meta = found
        for index, (state, numbers) in enumerate(zip(states, meta["runs"], strict=True)):
            state.restore(path, of_module(tensors, str(index)), numbers)
    trainees[0].update(1.0)
    size = cost(copy.deepcopy(models[0]), dataset.train.image_shape)  # of what is kept
    if recipe.compile:
        stacked.compile()
    final = stacked if first.average is None else Stacked([state.final for state in states])

    def moment() -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors = {f"{i}.{name}": t for i, state in enumerate(states) for name, t in state.tensors().items()}
        passes = [{"pass": row["pass"]} for row in first.history]
        return tensors, {**first.meta(), "history": passes, "runs": [state.meta() for state in states]}

    def check_all() -> None:
        for state, (one, _, _) in zip(states, members, strict=True):
            try:
                state.check(len(dataset.classes))
            except Diverged as wrong:
                step = len(state.history) * steps_per_pass + wrong.index
                raise HeadstartError(
                    f"{one.init} seed {one.seed} went wrong at step {step + 1} of {state.steps} (learning rate "
                    f"{state.rate(step):.2g}): {wrong.what}. Lower the learning rate with --set lr and another --out, "
                    "or leave --together and this initialization out."
                ) from None

    def catch_up() -> None:
        for state, trainee in zip(states, trainees, strict=True):
            state.catch_up(trainee)

    title = f"{len(members)} runs at once"
    with StopSignals() as signals, RunProgress(console, title, first.steps, first.step) as progress:
        saving = Saving(processes, signals, save_every)
        if found is None:
            kept.save_pass(*moment())

        def after_step(losses: Tensor) -> None:
            progress.step(losses.mean(), batch_size * len(members))
            if saving.due(first.step):
                check_all()
                kept.save_inside(*moment())
                saving.done()
                saving.stop_if_asked(f"after step {first.step} of {first.steps}, saved in {out}")

        while first.number <= recipe.passes:
            started = time.perf_counter() - first.seconds
            with names_fitting_runs(len(members), lambda count: try_runs(count, models, feeds[recipe.seed])):
                _one_pass(states, trainees, stacked, list(feeds.values()), which, processes, after_step)
            check_all()
            validated: list[dict[str, float]] = [{} for _ in members]
            if recipe.validates(first.number):
                catch_up()
                right = accuracies(final, dataset.val, dataset, recipe.eval_batch, processes)
                validated = [{"val_accuracy": accuracy} for accuracy in right]
            seconds, seen = time.perf_counter() - started, first.done * batch_size
            rows = [
                {
                    "pass": state.number,
                    "train_loss": state.losses.mean().item(),
                    "train_accuracy": state.correct.item() / seen,
                    "lr": state.rate(state.step - 1),
                    "images_per_second": seen * len(members) / state.seconds,
                    **looked,
                    "seconds": seconds / len(members),
                }
                for state, looked in zip(states, validated, strict=True)
            ]
            for state, row in zip(states, rows, strict=True):
                state.end_pass(row)
            saving.agree()
            if first.number > recipe.passes or saving.asked or saving.due(first.step):
                kept.save_pass(*moment())
                saving.done()
            progress.passed(_mean(rows), recipe.passes)
            saving.stop_if_asked(f"after pass {rows[0]['pass']} of {recipe.passes}, saved in {out}")

    catch_up()
    tested = accuracies(final, dataset.test, dataset, recipe.eval_batch, processes)
    for state, (_, folder, _), accuracy in zip(states, members, tested, strict=True):
        if (folder / "result.json").exists():
            continue  # finished before a cut, or by itself in the meantime
        write_lines(folder / "history.jsonl", state.history)
        save_weights(folder / "model.safetensors", state.final)
        result = {
            "val_accuracy": state.history[-1]["val_accuracy"],
            "test_accuracy": accuracy,
            "seconds": sum(row["seconds"] for row in state.history),
            "images_per_second": len(state.history) / sum(1 / row["images_per_second"] for row in state.history),
            "parameters": size.parameters,
            "flops": size.flops,
            "together": len(members),
        }
        if trainees[0].costs:  # of one architecture, so all the same
            result["costs"] = trainees[0].costs
        write_json(folder / "result.json", result)


def _one_pass(
    states: Sequence[RunState],
    trainees: Sequence[Trainee],
    stacked: Stacked,
    feeds: Sequence[Feed],
    which: Tensor,
    processes: Processes,
    after_step: Callable[[Tensor], object],
) -> None:
    """The steps of a pass, or those that are left of it, of all runs; ``which`` feed is each run's: int64 (M,)."""
    first, recipe = states[0], states[0].recipe
    before, started = first.seconds, time.perf_counter()
    for state in states:
        state.model.train()
    for steps in zip(*(feed.steps(first.number, first.done) for feed in feeds), strict=True):
        first.set_rate()  # the optimizers are everybody's
        for trainee in trainees:
            trainee.update(first.step / first.steps)
        losses = torch.zeros(len(states), device=processes.device)
        right = torch.zeros(len(states), dtype=torch.int64, device=processes.device)
        for parts in zip(*steps, strict=True):
            images, targets, labels, drops = stack_parts(parts, which)
            with processes.accelerator.autocast():
                logits = stacked(images, drops)
            share = cross_entropies(logits.float(), targets, recipe.label_smoothing) / recipe.accumulate
            share.sum().backward()
            losses += share.detach()
            right += (logits.detach().argmax(dim=2) == labels).sum(dim=1)
        if recipe.clip is not None:
            stacked.clip_grad_norm_(recipe.clip)
        for optimizer in first.optimizers:
            optimizer.step()
        stacked.zero_grad()
        for state, loss, correct in zip(states, losses.unbind(), right.unbind(), strict=True):
            state.count(loss, correct)
            state.seconds = before + time.perf_counter() - started
        after_step(losses)
    processes.synchronize()
    for state in states:
        state.seconds = before + time.perf_counter() - started


def _mean(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A row of the means over the runs, to be shown."""
    return {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]} | {"pass": rows[0]["pass"]}
