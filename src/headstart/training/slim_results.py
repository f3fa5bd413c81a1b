"""From the finished students of a run to one result file: accuracy, size and measured speed of each."""

from __future__ import annotations

import json
import shlex
from datetime import datetime, timezone
from typing import Any

from torch import nn

from headstart.evaluation import cost
from headstart.leading import leading
from headstart.training.comparison import Run
from headstart.training.equal_speed import time_together
from headstart.training.exported import without_places
from headstart.training.files import write_json
from headstart.training.gathering import made_with
from headstart.training.inspection import load_run
from headstart.training.provenance import commit, hardware, seed_words, versions, without_place, written
from headstart.training.recipe import config_hash
from headstart.training.run_folder import read_json
from headstart.training.slim_plan import LOWER, STUDENT, Slimming
from headstart.training.statistics import mean_and_sd, paired_difference

__all__ = ["slim_results"]

SECONDS = 5.0  # of measuring for each model
PROTOCOL = (
    "All arms are trained from one teacher with one recipe for equal passes, and at equal seed see the same images in "
    "the same order with the same augmentation. Accuracies are of the test set, used once, after the last pass. Images "
    "a second are medians of forward passes, all models timed in turn; times is the median, over the rounds, of how "
    "many times as fast as the teacher a model is, equal the same beside the student. The tokens of random, topk and "
    "pool were chosen before, for their measured speed to be the student's."
)


def slim_results(plan: Slimming, runs: dict[str, list[Run]]) -> dict[str, Any]:
    """Time the finished ``runs`` of :func:`~headstart.training.slimming.slim`; write and return ``results.json``.

    For the teacher and each arm: ``parameters``, ``flops``, ``images_per_second``, ``times`` as fast as the teacher and
    ``equal`` to the student's speed (1 where it is); for each arm also ``tokens`` left behind each place, ``mean`` and
    ``sd`` (n − 1) of the test accuracy over ``n`` seeds, and ``difference`` to the student, paired by seed, with its
    95 % ``interval``. ``hardware``, ``versions`` and ``commit`` are those that the students were trained with;
    ``timed`` holds those that all were timed with.
    """
    models = {arm: load_run(made[0].folder).model for arm, made in runs.items()}
    shape = plan.teacher.dataset.train.image_shape
    first = next(plan.teacher.model.parameters())
    models = {"teacher": plan.teacher.model, **{arm: model.to(first.device) for arm, model in models.items()}}
    timings = time_together(models, shape, plan.batch_size, SECONDS * len(models))
    rows = {}
    for name, model in models.items():
        size = cost(model, shape)
        rows[name] = {
            "parameters": size.parameters,
            "flops": size.flops,
            "images_per_second": timings[name].images_per_second,
            "times": timings[name].times_as_fast_as(timings["teacher"]),
            "equal": timings[name].times_as_fast_as(timings[STUDENT]),
        }
    result = read_json(plan.run / "result.json")
    teacher = {"seed": plan.teacher.recipe.seed, "val": result["val_accuracy"], "test": result["test_accuracy"]}
    named = without_places(plan.recipe)
    config = {key: named.get(key, value) for key, value in plan.config.items()}
    results = {
        "protocol": PROTOCOL,
        "command": _command(plan),
        "config": config,
        "config_hash": config_hash(config),
        **made_with([run.folder for made in runs.values() for run in made]),
        "timed": {"versions": versions(), "hardware": hardware(), "commit": commit()},
        "date": datetime.now(timezone.utc).date().isoformat(),
        "batch_size": plan.batch_size,
        "teacher": teacher | rows["teacher"],
        "arms": [_outcome(arm, models[arm], made, runs[STUDENT]) | rows[arm] for arm, made in runs.items()],
    }
    if leading():
        write_json(plan.out / "results.json", results)
    return json.loads(json.dumps(results))


def _outcome(arm: str, model: nn.Module, made: list[Run], student: list[Run]) -> dict[str, Any]:
    """Accuracies of an arm, and their difference to the student's."""
    results = [read_json(run.folder / "result.json") for run in made]
    tests = [result["test_accuracy"] for result in results]
    beside = [read_json(run.folder / "result.json")["test_accuracy"] for run in student]
    difference, interval = (None, None) if arm == STUDENT else paired_difference(tests, beside)
    mean, sd = mean_and_sd(tests)
    blocks: Any = model.blocks
    return {
        "name": arm,
        "tokens": [block.slim.kept for block in blocks if hasattr(block, "slim")],
        "mean": mean,
        "sd": sd,
        "n": len(tests),
        "difference": difference,
        "interval": interval,
        "runs": [
            {
                "seed": run.recipe.seed,
                "val": result["val_accuracy"],
                "test": result["test_accuracy"],
                "seconds": result["seconds"],
            }
            for run, result in zip(made, results, strict=True)
        ],
    }


def _command(plan: Slimming) -> str:
    """The command that asks for these students; of a teacher's path that begins at the root, its last part."""
    teacher, recipe = plan.teacher.recipe, plan.recipe
    place = plan.run.name if plan.run.is_absolute() else plan.run.as_posix()
    words = ["headstart", "slim", place, "--keep", written(plan.keep), "--after", written(plan.places)]
    for option, value, left_out in (
        ("--against", plan.arms[1:], []),
        ("--passes", recipe.passes, teacher.passes),
        ("--lr", recipe.lr, LOWER * teacher.lr),
        ("--distill", plan.distill, "frd"),
    ):
        words += [option, written(value)] if value != left_out else []
    usual = {**teacher.model_dump(mode="json"), "init": "default", "warmup": 0.0}
    said = {"passes", "lr", "seed", "content", "dataset"}
    ours = recipe.model_dump(mode="json")
    for key, value in ours.items():
        words += ["--set", without_place(f"{key}={written(value)}")] if key not in said and value != usual[key] else []
    return shlex.join(words) + seed_words(plan.seeds)
