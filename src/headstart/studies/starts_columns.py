"""On which data, and with which models, the starts are compared: a column of the table each."""

from __future__ import annotations

from typing import Any, NamedTuple

from headstart.data import spec_name
from headstart.studies.questions import RELEASED, Arm, Question

__all__ = ["COLUMNS", "GRADIENT", "SIZES", "columns"]

GRADIENT = "impulse:solver=gradient:value=default"  # 2404.01139's solver and values
STARTS = (
    "default", "norm-matched", "mimetic", "mimetic-released", RELEASED, GRADIENT, "impulse:control=scrambled",
    "impulse",
)  # fmt: skip


class Column(NamedTuple):
    """What is changed in the recipe, and for how many passes it is trained in a small and a full study."""

    title: str
    changes: tuple[str, ...]
    small: int
    full: int


FEW = ("batch_size=64",)  # or a pass over few images would be a step or two
PHOTOS = ("image_size=224", "patch_size=16", "crop=0", "resized_crop=0.35", "augment=3augment", "color_jitter=0.3")
COLUMNS = {
    "all": Column("all", (), 2, 60),
    "half": Column("50 %", ("fraction=0.5",), 3, 80),
    "quarter": Column("25 %", ("fraction=0.25",), 4, 100),
    "tenth": Column("10 %", ("fraction=0.1", *FEW), 8, 150),
    "twentieth": Column("5 %", ("fraction=0.05", *FEW), 12, 200),
    "hundredth": Column("1 %", ("fraction=0.01", *FEW), 40, 400),
    "heads": Column("12 heads", ("heads=12",), 2, 60),
    "patches": Column("patches of 2 pixels", ("patch_size=2",), 1, 30),
    "fashion": Column("all", (), 1, 20),
    "photos": Column("224 pixels", (*PHOTOS, *FEW), 40, 300),
}

COMMON: dict[str, Any] = {
    "dataset": "cifar10", "fashion": "fashion_mnist", "photos": "flowers102", "heads": 3, "lr": 1e-3, "jobs": 1,
}  # fmt: skip
SIZES: dict[str, dict[str, Any]] = {
    "quick": {
        **COMMON, "dataset": "digits", "columns": ("half", "heads"), "starts": ("default", "impulse"), "width": 36,
        "depth": 1, "patch_size": 2, "batch_size": 50, "augment": "none", "crop": 0, "flip": False, "compile": False,
        "val_fraction": 0.1,
    },
    # A run takes one core of a CPU a minute or two; few validation images, which are looked at for the curves alone.
    "small": {
        **COMMON, "columns": ("tenth", "twentieth", "hundredth", "fashion"), "starts": STARTS, "width": 72, "depth": 4,
        "patch_size": 4, "batch_size": 64, "augment": "none", "crop": 4, "flip": True, "compile": False,
        "val_fraction": 0.02,
    },
    # Of a GPU: a run of all images takes it a minute, of patches of 2 pixels three, of the others seconds.
    "full": {
        **COMMON, "columns": tuple(COLUMNS), "starts": STARTS, "width": 192, "depth": 12, "patch_size": 4,
        "batch_size": 512, "augment": "trivialaugment", "crop": 4, "flip": True, "compile": True, "val_fraction": 0.1,
    },
}  # fmt: skip


def columns(size: str, starts: tuple[str, ...], dataset: str, fashion: str, photos: str) -> dict[str, Question]:
    """All columns as questions, each start of them to stand beside the last one.

    Args:
        size: of the study, which the passes go by.
        starts: initializations.
        dataset: of the recipe.
        fashion: the dataset of the column ``fashion``.
        photos: likewise.
    """
    others = {"fashion": fashion, "photos": photos}
    found = {}
    for name, column in COLUMNS.items():
        passes = {"quick": 1, "small": column.small, "full": column.full}[size]
        place = (f"dataset={others[name]}",) if name in others else ()
        changes = (*place, *column.changes, f"passes={passes}", f"val_every={max(1, passes // 20)}")
        told = f"{spec_name(others.get(name, dataset))}, {column.title}"
        text = f"{told}: {passes} {'pass' if passes == 1 else 'passes'}"
        found[name] = Question(name, text, tuple(Arm(start, changes) for start in starts), reference=starts[-1])
    return found
