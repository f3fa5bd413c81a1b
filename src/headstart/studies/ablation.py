"""Which parts of a start matter? One choice at a time, all by one recipe, every arm trained once."""

from __future__ import annotations

from typing import Any

from headstart.studies.ablation_picture import draw_ablation
from headstart.studies.ablation_questions import QUESTIONS, questions
from headstart.studies.asking import ask
from headstart.studies.study import Request, Study, register
from headstart.training.files import write_json

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
    every = questions(chosen["width"], chosen["depth"], chosen["depths"], chosen["gradient"])
    results = ask(request, "ablation", "questions", size, chosen, every)
    write_json(request.out / "results.json", results)
    draw_ablation(results, request.out / "ablation.png")
    return results


STUDY = register(
    Study(
        "ablation",
        "Which parts of a start matter?",
        "three hours of one CPU thread, a question at a time; size=full for a GPU",
        run,
    )
)
