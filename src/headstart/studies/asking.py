"""Questions asked of a recipe: every arm trained once, a file and a table for each question."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rich.text import Text

from headstart.data import spec_name
from headstart.errors import unknown
from headstart.reporting.percent import percent, points
from headstart.studies.questions import Arm, Question
from headstart.studies.study import STUDIES, Request, shown
from headstart.training import Recipe, compare
from headstart.training.cluster import Cluster
from headstart.training.comparison import arm_folder, folder_of
from headstart.training.files import write_json
from headstart.training.gathering import made_with
from headstart.training.statistics import mean_and_sd, paired_difference

__all__ = ["ask", "table_rows"]

UNSHOWN = ("validation, %", "last pass's training images, %")  # the files have them
PROTOCOL = (
    "All arms are trained by one recipe but for what their row names, for equal passes; at equal seed they see the "
    "same images in the same order with the same augmentation. The test set is used once a run, after the last pass; "
    "choose by the validation accuracies, which stand beside. Differences are paired by seed, with 95 % intervals of "
    "Student's t, not corrected for their number."
)


def ask(
    request: Request, study: str, key: str, size: str, chosen: dict[str, Any], every: dict[str, Question]
) -> dict[str, Any]:
    """Train what answers the questions asked, write ``NAME.json`` for each and show its table; return all of it.

    Runs lie in ``runs``, those of one change of the recipe together; an arm that several questions ask for is trained
    once.

    Args:
        request: what was asked for.
        study: its name, for the commands that the files hold.
        key: which of ``chosen`` names the questions.
        size: which of the study's sizes it is.
        chosen: its settings: keys of a recipe, whose ``limit`` of 0 takes all images, and ``jobs``, runs at once.
        every: all questions by name.

    Raises :class:`~headstart.errors.HeadstartError` for a name that no question has, and as
    :func:`~headstart.training.compare` does.
    """
    for name in chosen[key]:
        if name not in every:
            raise unknown(f"{key.removesuffix('s')} of this study", name, every)
    asked, jobs = [every[name] for name in chosen[key]], chosen["jobs"]
    known = {name: value for name, value in chosen.items() if name in Recipe.model_fields}
    recipe = Recipe(**{**known, "limit": chosen.get("limit") or None, "eval_batch": 500}, init="default")
    seeds = request.each_seed
    found: dict[Arm, dict[str, Any]] = {}
    made: dict[tuple[str, ...], dict[str, Any]] = {}
    folders: list[Path] = []
    for changes, inits in _groups(asked).items():
        out = request.out / "runs" / arm_folder("-".join(_told(changes)) or "plain")
        runner = Cluster("local", [f"jobs={jobs}"]) if jobs > 1 else None
        results = compare(recipe.override(changes), inits, seeds, out, console=request.console, runner=runner)
        made[changes] = results
        folders += [folder_of(out, init, seed) for init in inits for seed in seeds]
        found |= {Arm(init, changes): arm for init, arm in zip(inits, results["arms"], strict=True)}
    common = {
        "protocol": PROTOCOL,
        **made_with(folders),
        "date": datetime.now(timezone.utc).date().isoformat(),
        "seeds": seeds,
        "n": len(seeds),
    }
    answers = []
    for question in asked:
        arms = [_answer(question, arm, found) for arm in question.arms]
        rows = table_rows(arms)
        others = tuple(text for text in request.settings if not text.startswith(f"{key}="))
        alone = replace(request, settings=(*others, f"{key}={question.name}"))
        answer = {"question": question.text, "name": question.name, "rows": rows, "arms": arms}
        configs = {" ".join(_told(arm.changes)): made[arm.changes]["config"] for arm in question.arms}
        command = alone.command(study)
        write_json(request.out / f"{question.name}.json", {**common, **answer, "command": command, "configs": configs})
        request.show(Text(question.text))
        request.show(shown(rows, UNSHOWN))
        answers.append(answer)
    return {
        "question": STUDIES[study].question, "size": size, **common, "command": request.command(study),
        "answers": answers,
    }  # fmt: skip


def _told(changes: Iterable[str]) -> list[str]:
    """Changes of a recipe without the places where data lie."""
    pairs = (change.partition("=") for change in changes)
    return [f"{key}={spec_name(value) if key == 'dataset' else value}" for key, _, value in pairs]


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
    looked = [[row for row in made["history"] if "val_accuracy" in row] for made in runs]
    return {
        "init": arm.init,
        "changes": _told(arm.changes),
        "beside": {"init": other.init, "changes": _told(other.changes)},
        "test": tests,
        "val": [made["val"] for made in runs],
        "train": [made["history"][-1]["train_accuracy"] for made in runs],
        "passes": [row["pass"] for row in looked[0]],
        "curves": [[row["val_accuracy"] for row in rows] for rows in looked],
        "seconds": [made["seconds"] for made in runs],
        "mean": mean,
        "sd": sd,
        "n": len(tests),
        "difference": difference,
        "interval": interval,
    }


def table_rows(arms: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The table of answered arms, in percent and points; changes of the recipe only where arms differ in them."""
    changed = len({tuple(arm["changes"]) for arm in arms}) > 1
    return [
        {
            "start": f"`{arm['init']}`",
            **({"recipe": ", ".join(arm["changes"]) or "–"} if changed else {}),
            "test accuracy, %": percent(arm["mean"], arm["sd"]),
            "n": arm["n"],
            f"difference to {arm['beside']['init']} [95 % interval]": points(arm["difference"], arm["interval"]),
            "validation, %": percent(mean_and_sd(arm["val"])[0]),
            "last pass's training images, %": percent(mean_and_sd(arm["train"])[0]),
        }
        for arm in arms
    ]
