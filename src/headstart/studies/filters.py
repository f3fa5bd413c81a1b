"""Do spatial filters have to be learned, or only to span enough? The CNN evidence behind the head start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import load_file

from headstart.data import Dataset, spec_name
from headstart.errors import HeadstartError, unknown
from headstart.models import FilterRank, filter_ranks
from headstart.models.filters import SPATIAL
from headstart.specs import split_spec
from headstart.studies.filters_picture import draw_filters
from headstart.studies.study import Request, Study, register
from headstart.training import Recipe, arm_folder, compare
from headstart.training.arms import of_arm
from headstart.training.build import build_dataset, build_model
from headstart.training.files import write_json
from headstart.training.processes import leading
from headstart.training.statistics import mean_and_sd, paired_difference

if TYPE_CHECKING:
    from rich.table import Table
    from torch import Tensor

__all__ = ["run"]

# Learned and not, and last what a structured initialization does: starts from shifts and goes on learning.
FILTERS = ("learned", "random", "impulse", "gaussian", "box", "impulse:frozen=False")
KERNELS = (3, 5, 8)

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
    seeds = list(range(request.seeds))
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
        "command": command(request),
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
        request.console.print(shown(results["rows"]))
    return results


def settings(request: Request) -> tuple[str, dict[str, Any]]:
    """The size, and its settings as the request changes them."""
    named = tuple(text for text in request.settings if text.partition("=")[0] == "size")
    size = replace(request, settings=named).options(size="quick" if request.quick else "small")["size"]
    if size not in SIZES:
        raise unknown("size of this study", size, SIZES)
    return size, request.options(size=size, filters=FILTERS, spatial_activation=True, **SIZES[size])


def arm(kernel: int, filters: str, chosen: dict[str, Any]) -> str:
    """The arm of a comparison that trains a ConvMixer of this kernel and these filters."""
    sizes = ":".join(f"{key}={chosen[key]}" for key in ("width", "depth", "patch_size"))
    activation = "" if chosen["spatial_activation"] else ":spatial_activation=False"
    return f"default@convmixer:kernel={kernel}:{sizes}{activation}:filters={filters}"


def measured(kernel: int, filters: str, row: dict[str, Any], reference: dict[str, Any], runs: Path) -> dict[str, Any]:
    """The accuracy of an arm, its paired difference to the reference, and what its trained filters span."""
    tests = [made["test"] for made in row["runs"]]
    ranks = [filter_ranks(trained_weights(runs, row["name"], made["seed"])) for made in row["runs"]]
    mean, sd = mean_and_sd(tests)
    difference, interval = (
        (None, None) if row is reference else paired_difference(tests, [made["test"] for made in reference["runs"]])
    )
    kind, options = split_spec(filters, "filters")
    return {
        "name": row["name"],
        "kernel": kernel,
        "filters": filters,
        "trained": not options.get("frozen", kind != "learned"),
        "test": tests,
        "mean": mean,
        "sd": sd,
        "n": len(tests),
        "difference": difference,
        "interval": interval,
        "val": [made["val"] for made in row["runs"]],
        "seconds": [made["seconds"] for made in row["runs"]],
        "parameters": row["runs"][0]["parameters"],
        "flops": row["runs"][0]["flops"],
        "taps": ranks[0][0].size,
        "rank": over_blocks(ranks, "rank"),
        "stable_rank": over_blocks(ranks, "stable"),
        "effective_rank": over_blocks(ranks, "effective"),
        "directions": over_blocks(ranks, "directions"),
    }


def trained_weights(runs: Path, name: str, seed: int) -> dict[str, Tensor]:
    """The final weights of an arm's run."""
    return load_file(runs / arm_folder(name) / f"seed-{seed}" / "model.safetensors")


def moved(recipe: Recipe, name: str, seed: int, dataset: Dataset, runs: Path) -> float:
    """How far training moved the spatial filters W of all blocks from their start W₀, ‖W − W₀‖/‖W₀‖; 0 when frozen."""
    start = build_model(of_arm(recipe, name).model_copy(update={"seed": seed}), dataset).state_dict()
    final = trained_weights(runs, name, seed)
    keys = [key for key in start if key.endswith(SPATIAL)]
    change = sum((final[key] - start[key]).square().sum().item() for key in keys)
    return (change / sum(start[key].square().sum().item() for key in keys)) ** 0.5


def over_blocks(ranks: list[list[FilterRank]], key: str) -> list[float]:
    """Its mean over the blocks, for each seed."""
    return [mean_and_sd([getattr(block, key) for block in blocks])[0] for blocks in ranks]


def cells(row: dict[str, Any], reference: str) -> dict[str, Any]:
    """A row of the table, in percent and points; ranks are means over blocks and seeds."""
    spread = "" if row["sd"] is None else f" ± {100 * row['sd']:.1f}"
    gap = "–" if row["difference"] is None else points(row["difference"])
    if row["interval"] is not None:
        gap += f" [{points(row['interval'][0])}, {points(row['interval'][1])}]"
    return {
        "kernel": row["kernel"],
        "filters": row["filters"],
        "trained": "yes" if row["trained"] else "no",
        "test accuracy, %": f"{100 * row['mean']:.1f}{spread}",
        "n": row["n"],
        f"difference to {reference} [95 % interval]": gap,
        "filters moved by": f"{100 * mean_and_sd(row['moved'])[0]:.0f} %" if row["trained"] else "–",
        "rank": f"{mean_and_sd(row['rank'])[0]:.1f} of {row['taps']}",
        "effective rank": f"{mean_and_sd(row['effective_rank'])[0]:.1f}",
        "stable rank": f"{mean_and_sd(row['stable_rank'])[0]:.1f}",
        "different filters": f"{mean_and_sd(row['directions'])[0]:.1f}",
    }


def points(share: float) -> str:
    """A difference in points of percent, with its sign."""
    return f"{100 * share:+.1f}".replace("-", "−")


def command(request: Request) -> str:
    """What was typed, without the place of the data."""
    words = ["headstart study filters", f"--seeds {request.seeds}", *["--quick"] * request.quick]
    for text in request.settings:
        key, _, value = text.partition("=")
        words.append(f"--set {key}={spec_name(value) if key == 'dataset' else value}")
    return " ".join(word for word in words if word != "--set dataset=cifar10")


def shown(rows: list[dict[str, Any]]) -> Table:
    """The rows as a table for the terminal."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for title in rows[0]:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*[Text(str(cell)) for cell in row.values()])
    return table


STUDY = register(
    Study(
        "filters",
        "Do the spatial filters of a CNN have to be learned, or only to span enough?",
        "half an hour on one CPU thread; size=full for a GPU",
        run,
    )
)
