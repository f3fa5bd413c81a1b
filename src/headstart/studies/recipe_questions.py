"""What is asked of a recipe for a plain ViT: one change at a time, each beside the recipe without it."""

from __future__ import annotations

from headstart.studies.questions import Arm, Question

__all__ = ["CANDIDATES", "recipe_questions"]

CANDIDATES: dict[str, tuple[str, tuple[str, ...]]] = {
    "augment": (
        "Which augmentation?",
        ("augment=none", "augment=randaugment", "augment=3augment", "crop=0 resized_crop=0.35", "repeats=3"),
    ),
    "mixing": (
        "How should images be mixed and erased?",
        ("mixup=0", "mixup=0.8", "mixup=0 cutmix=1", "mixup=0.8 cutmix=1", "erase=0.25"),
    ),
    "optimizer": (
        "Which optimizer, how fast?",
        ("lr=0.0005", "lr=0.002", "weight_decay=0.2", "optimizer=muon", "optimizer=muon lr=0.002", "batch_size=256"),
    ),
    "average": ("Which moving average of the weights?", ("ema=0", "ema=0.99", "ema=0.9998")),
    "shape": (
        "Which shape, of at most six million parameters?",
        (
            "heads=6", "heads=12", "width=256 depth=7 heads=4", "width=256 depth=7 heads=8", "width=144 depth=22",
            "patch_size=2", "drop_path=0.1", "pool=class", "position=harmonic",
        ),
    ),
}  # fmt: skip


def recipe_questions() -> dict[str, Question]:
    """All questions: the start, and each change of :data:`CANDIDATES` from ``impulse``."""
    starts = tuple(Arm(init) for init in ("default", "mimetic", "impulse"))
    found = {"start": Question("start", "Which start, under this recipe?", starts)}
    for name, (text, changes) in CANDIDATES.items():
        arms = (Arm("impulse"), *(Arm("impulse", tuple(change.split())) for change in changes))
        found[name] = Question(name, text, arms, of_recipe=True)
    return found
