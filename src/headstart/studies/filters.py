"""Do spatial filters have to be learned, or only to span enough? The CNN evidence behind the head start."""

from __future__ import annotations

from typing import Any

from headstart.data import spec_name
from headstart.errors import HeadstartError
from headstart.leading import leading
from headstart.studies.filters_picture import draw_filters
from headstart.studies.filters_rows import cells, measured, moved
from headstart.studies.study import Request, Study, register, shown
from headstart.training import Recipe, compare
from headstart.training.build import build_dataset
from headstart.training.files import write_json

__all__ = ["run"]

# Learned and not, and last what a structured initialization does: starts from shifts and goes on learning.
FILTERS = ("learned", "random", "impulse", "gaussian", "box", "impulse:frozen=False")
KERNELS = (3, 5, 8)
# Wide, or in the name; results.json has them.
UNSHOWN = ("kernel", "trained", "n", "filters moved by", "stable rank", "different filters")

SIZES: dict[str, dict[str, Any]] = {
    "quick": {
        "dataset": "digits", "limit": 200, "kernels": (3,), "width": 8, "depth": 1, "patch_size": 1, "passes": 1,
        "batch_size": 50, "lr": 3e-3,
    },
    "small": {
        "dataset": "cifar10", "limit": 5000, "kernels": KERNELS, "width": 64, "depth": 4, "patch_size": 4, "passes": 4,
        "batch_size": 64, "lr": 1e-2,
    },
    # As released with 2401.12511 and 2404.01139, whose other ConvMixer has width 512 and depth 6.
    "full": {
        "dataset": "cifar10", "limit": 0, "kernels": KERNELS, "width": 256, "depth": 8, "patch_size": 2, "passes": 200,
        "batch_size": 512, "lr": 1e-3,
    },
}  # fmt: skip
RECIPES: dict[str, dict[str, Any]] = {
    "quick": {},
    "small": {"crop": 4, "flip": True},
    "full": {
        "crop": 4, "flip": True, "augment": "randaugment", "operations": 2, "magnitude": 14, "fill": "black",
        "weight_decay": 0.0, "label_smoothing": 0.0, "warmup": 0.0, "clip": None,
    },
}  # fmt: skip


def run(request: Request) -> dict[str, Any]:
    """Train a ConvMixer with each kind of spatial filters, kernel and seed; write ``results.json`` and ``filters.png``.

    Settings: ``size`` (small or full), ``filters`` (kinds, with options behind a colon; differences are to the first),
    ``kernels``, ``width``, ``depth``, ``patch_size``, ``spatial_activation``, ``dataset``, ``limit`` (0: all images),
    ``passes``, ``batch_size`` and ``lr``. Runs lie in ``runs``; finished ones are not repeated.

    Raises :class:`~headstart.errors.HeadstartError` for unknown settings and for filters that do not fit.
    """
    size, chosen = settings(request)
    arms = {
        (kernel, filters): arm(kernel, filters, chosen) for kernel in chosen["kernels"] for filters in chosen["filters"]
    }
    if len(set(arms.values())) < len(chosen["kernels"]) * len(chosen["filters"]):
        raise HeadstartError(
            f"expected different kernels and filters, got kernels={','.join(map(str, chosen['kernels']))} "
            f"and filters={','.join(chosen['filters'])}."
        )
    recipe = Recipe(
        dataset=chosen["dataset"], limit=chosen["limit"] or None, model="convmixer", init="default",
        passes=chosen["passes"], batch_size=chosen["batch_size"], lr=chosen["lr"], **RECIPES[size],
    )  # fmt: skip
    seeds = request.each_seed
    found = compare(recipe, list(arms.values()), seeds, request.out / "runs", console=request.console)
    of_name, runs = {row["name"]: row for row in found["arms"]}, request.out / "runs"
    rows = [
        measured(kernel, filters, of_name[name], of_name[arms[kernel, chosen["filters"][0]]], runs)
        for (kernel, filters), name in arms.items()
    ]
    dataset = build_dataset(recipe)  # for the shapes of models only
    for row in rows:
        row["moved"] = [moved(recipe, row["name"], seed, dataset, runs) for seed in seeds]
    results = {
        "question": STUDY.question,
        "protocol": found["protocol"],
        "command": request.command("filters"),
        **{key: found[key] for key in ("config", "config_hash", "hardware", "versions", "commit", "date")},
        "size": size,
        "settings": {**chosen, "dataset": spec_name(chosen["dataset"])},
        "seeds": seeds,
        "n": len(seeds),
        "reference": chosen["filters"][0],
        "rows": [cells(row, chosen["filters"][0]) for row in rows],
        "arms": rows,
    }
    if leading():
        write_json(request.out / "results.json", results)
        draw_filters(results, request.out / "filters.png")
        named = [{**row, "filters": f"{row['kernel']}×{row['kernel']} {row['filters']}"} for row in results["rows"]]
        request.show(shown(named, UNSHOWN))
    return results


def settings(request: Request) -> tuple[str, dict[str, Any]]:
    """The size, and its settings as the request changes them."""
    return request.sized(SIZES, filters=FILTERS, spatial_activation=True)


def arm(kernel: int, filters: str, chosen: dict[str, Any]) -> str:
    """The arm of a comparison that trains a ConvMixer of this kernel and these filters."""
    sizes = ":".join(f"{key}={chosen[key]}" for key in ("width", "depth", "patch_size"))
    activation = "" if chosen["spatial_activation"] else ":spatial_activation=False"
    return f"default@convmixer:kernel={kernel}:{sizes}{activation}:filters={filters}"


STUDY = register(
    Study(
        "filters",
        "Do the spatial filters of a CNN have to be learned, or only to span enough?",
        "half an hour on one CPU thread; size=full for a GPU",
        run,
    )
)
