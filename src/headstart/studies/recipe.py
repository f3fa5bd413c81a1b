"""How far does a plain ViT go on CIFAR-10, and what takes it there? One change of a strong recipe at a time."""

from __future__ import annotations

from typing import Any

from headstart.reporting.percent import percent
from headstart.studies.ablation_picture import draw_ablation
from headstart.studies.asking import ask
from headstart.studies.recipe_questions import CANDIDATES, recipe_questions
from headstart.studies.study import Request, Study, register
from headstart.training.files import write_json
from headstart.training.statistics import mean_and_sd

__all__ = ["run"]

QUESTIONS = ("start", *CANDIDATES)
STRONG: dict[str, Any] = {
    "dataset": "cifar10", "heads": 3, "crop": 4, "flip": True, "augment": "trivialaugment", "mixup": 0.2,
    "fill": "mean", "lr": 1e-3, "jobs": 1, "questions": QUESTIONS,
}  # fmt: skip
SIZES: dict[str, dict[str, Any]] = {
    "quick": {
        **STRONG, "dataset": "digits", "flip": False, "augment": "none", "crop": 0, "width": 36, "depth": 1,
        "patch_size": 2, "batch_size": 50, "passes": 1, "val_every": 1, "ema": 0.9, "limit": 100, "compile": False,
        "questions": ("optimizer",),
    },
    "small": {
        **STRONG, "width": 72, "depth": 4, "patch_size": 4, "batch_size": 64, "passes": 20, "val_every": 5,
        "ema": 0.99, "limit": 2000, "compile": False,
    },
    # Of a GPU: a minute a run, with patches of 2 pixels five.
    "full": {
        **STRONG, "width": 192, "depth": 12, "patch_size": 4, "batch_size": 512, "passes": 60, "val_every": 10,
        "ema": 0.999, "limit": 0, "compile": True,
    },
}  # fmt: skip


def run(request: Request) -> dict[str, Any]:
    """Train what the questions ask; write ``NAME.json`` for each, ``results.json`` and ``recipe.png``.

    Choose by the *validation* accuracies: ``best`` names the highest of each question, and test accuracies, which the
    tables and the picture show, belong in no choice. What was chosen is then trained by itself, with other seeds.

    Settings: ``size`` (small or full), ``questions`` (names; all unless given), ``jobs`` (runs at once), and
    ``dataset``, ``limit`` (0: all images), ``width``, ``depth``, ``heads``, ``patch_size``, ``passes``, ``val_every``,
    ``batch_size``, ``lr``, ``crop``, ``flip``, ``augment``, ``mixup``, ``fill``, ``ema``, ``compile``.

    Raises :class:`~headstart.errors.HeadstartError` for unknown questions and settings.
    """
    size, chosen = request.sized(SIZES)
    results = ask(request, "recipe", "questions", size, chosen, recipe_questions())
    results["best"] = {}
    for answer in results["answers"]:
        scores = {" ".join([arm["init"], *arm["changes"]]): mean_and_sd(arm["val"])[0] for arm in answer["arms"]}
        best = max(scores, key=lambda name: scores[name])
        results["best"][answer["name"]] = best
        told = f"{answer['question']} By validation: {best} ({percent(scores[best])} %)"
        request.console.print(told, highlight=False, soft_wrap=True, markup=False)
    write_json(request.out / "results.json", results)
    draw_ablation(results, request.out / "recipe.png")
    return results


STUDY = register(
    Study(
        "recipe",
        "How far does a plain ViT go, and what takes it there?",
        "an hour of one GPU for a seed with size=full; many hours of one CPU thread without",
        run,
    )
)
