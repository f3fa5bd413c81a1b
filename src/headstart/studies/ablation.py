"""Which parts of a start matter? One choice at a time, all by one recipe, every arm trained once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from headstart.data import spec_name
from headstart.errors import unknown
from headstart.reporting.percent import percent, points
from headstart.studies.ablation_picture import draw_ablation
from headstart.studies.ablation_questions import QUESTIONS, Arm, Question, questions
from headstart.studies.study import Request, Study, register, shown
from headstart.training import Recipe, compare
from headstart.training.cluster import Cluster
from headstart.training.files import write_json
from headstart.training.statistics import mean_and_sd, paired_difference

__all__ = ["run"]

PLAIN: dict[str, Any] = {"dataset": "cifar10", "patch_size": 4, "crop": 4, "flip": True, "lr": 1e-3}
SIZES: dict[str, dict[str, Any]] = {
    "quick": {
        **PLAIN, "dataset": "digits", "limit": 200, "width": 36, "depth": 1, "patch_size": 2, "passes": 1, "crop": 0,
        "val_every": 1, "flip": False, "batch_size": 50, "depths": (1, 2), "questions": ("pooling", "mlp"),
        "gradient": False, "compile": False,
    },
    "small": {
        **PLAIN, "limit": 2000, "width": 72, "depth": 4, "passes": 5, "val_every": 5, "batch_size": 64,
        "depths": (4, 12, 24), "questions": QUESTIONS, "gradient": False, "compile": False,
    },
    # For a GPU, all of CIFAR-10: about a minute a run of the first depth.
    "full": {
        **PLAIN, "limit": 0, "width": 192, "depth": 12, "passes": 25, "val_every": 25, "batch_size": 512,
        "depths": (12, 4, 24), "questions": QUESTIONS, "gradient": True, "compile": True,
    },
}  # fmt: skip
UNSHOWN = ("validation, %", "last pass's training images, %")  # the files have them
PROTOCOL = (
    "All arms are trained by one recipe but for what their row names, for equal passes; at equal seed they see the "
    "same images in the same order with the same augmentation. The test set is used once, after the last pass; "
    "nothing was chosen by it. Differences are paired by seed, with 95 % intervals of Student's t, not corrected for "
    "their number."
)


def run(request: Request) -> dict[str, Any]:
    """Train what answers the questions asked; write ``results.json``, ``NAME.json`` for each, and ``ablation.png``.

    Settings: ``size`` (small or full), ``questions`` (names; all unless given), ``depths`` (that value starts are
    crossed with), ``gradient`` (whether the slow solver takes part), ``jobs`` (runs at once), and ``dataset``,
    ``limit`` (0: all images), ``width``, ``depth``, ``heads``, ``patch_size``, ``passes``, ``val_every``,
    ``batch_size``, ``lr``, ``crop``, ``flip``, ``compile``. Runs lie in ``runs``, those of one change of the recipe
    together; an arm that several questions ask for is trained once.

    Raises :class:`~headstart.errors.HeadstartError` for unknown questions and settings.
    """
    size, chosen = request.sized(SIZES, heads=3, jobs=1)
    wanted, depths, gradient, jobs = (chosen.pop(key) for key in ("questions", "depths", "gradient", "jobs"))
    every = questions(chosen["width"], chosen["depth"], depths, gradient)
    for name in wanted:
        if name not in every:
            raise unknown("question of the ablation", name, every)
    asked = [every[name] for name in wanted]
    recipe = Recipe(**{**chosen, "limit": chosen["limit"] or None, "eval_batch": 500}, init="default")
    seeds = list(range(request.seeds))
    found: dict[Arm, dict[str, Any]] = {}
    made: list[dict[str, Any]] = []
    for changes, inits in _groups(asked).items():
        out = request.out / "runs" / ("-".join(changes) or "plain")
        runner = Cluster("local", [f"jobs={jobs}"]) if jobs > 1 else None
        results = compare(recipe.override(changes), inits, seeds, out, console=request.console, runner=runner)
        made.append(results)
        found |= {Arm(init, changes): arm for init, arm in zip(inits, results["arms"], strict=True)}
    common = {
        "protocol": PROTOCOL,
        "command": request.command("ablation"),
        **{key: made[0][key] for key in ("config", "config_hash", "hardware", "versions", "date")},
        "commit": ", ".join(dict.fromkeys(results["commit"] or "unknown" for results in made)),
        "size": size,
        "settings": {**chosen, "dataset": spec_name(chosen["dataset"])},
        "seeds": seeds,
        "n": len(seeds),
    }
    answers = []
    for question in asked:
        arms = [_answer(question, arm, found) for arm in question.arms]
        rows = [_cells(arm) for arm in arms]
        answer = {"question": question.text, "name": question.name, "rows": rows, "arms": arms}
        others = tuple(text for text in request.settings if not text.startswith("questions="))
        alone = replace(request, settings=(*others, f"questions={question.name}"))
        write_json(request.out / f"{question.name}.json", {**common, **answer, "command": alone.command("ablation")})
        request.console.print(question.text, highlight=False, soft_wrap=True)
        request.show(shown(rows, UNSHOWN))
        answers.append(answer)
    results = {"question": STUDY.question, **common, "answers": answers}
    write_json(request.out / "results.json", results)
    draw_ablation(results, request.out / "ablation.png")
    return results


def _groups(asked: Iterable[Question]) -> dict[tuple[str, ...], list[str]]:
    """The initializations that are trained with each change of the recipe, references with them."""
    groups: dict[tuple[str, ...], list[str]] = {(): []}
    for question in asked:
        for arm in question.arms:
            for each in (question.beside(arm), arm):
                inits = groups.setdefault(each.changes, [])
                if each.init not in inits:
                    inits.append(each.init)
    return {changes: inits for changes, inits in groups.items() if inits}


def _answer(question: Question, arm: Arm, found: dict[Arm, dict[str, Any]]) -> dict[str, Any]:
    """What was measured of an arm, and its paired difference to what it stands beside."""
    runs, other = found[arm]["runs"], question.beside(arm)
    tests = [made["test"] for made in runs]
    mean, sd = mean_and_sd(tests)
    difference, interval = (
        (None, None) if arm == other else paired_difference(tests, [made["test"] for made in found[other]["runs"]])
    )
    return {
        "init": arm.init,
        "changes": list(arm.changes),
        "beside": {"init": other.init, "changes": list(other.changes)},
        "test": tests,
        "val": [made["val"] for made in runs],
        "train": [made["history"][-1]["train_accuracy"] for made in runs],
        "seconds": [made["seconds"] for made in runs],
        "mean": mean,
        "sd": sd,
        "n": len(tests),
        "difference": difference,
        "interval": interval,
    }


def _cells(arm: dict[str, Any]) -> dict[str, Any]:
    """A row of the table, in percent and points."""
    return {
        "start": f"`{arm['init']}`",
        "recipe": ", ".join(arm["changes"]) or "–",
        "test accuracy, %": percent(arm["mean"], arm["sd"]),
        "n": arm["n"],
        f"difference to {arm['beside']['init']} [95 % interval]": points(arm["difference"], arm["interval"]),
        "validation, %": percent(mean_and_sd(arm["val"])[0]),
        "last pass's training images, %": percent(mean_and_sd(arm["train"])[0]),
    }


STUDY = register(
    Study(
        "ablation",
        "Which parts of a start matter?",
        "three hours of one CPU thread, a question at a time; size=full for a GPU",
        run,
    )
)
